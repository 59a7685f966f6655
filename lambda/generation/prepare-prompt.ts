import { invalidRequest } from '../errors/api-error.ts';
import type { OutputPrefix, Turn } from '../forcing/format.ts';
import type { ToolUse } from '../formats/tools/tool.ts';
import type { Caller } from '../keys/key-record.ts';
import type { ServedModel } from '../models/served-model.ts';
import { type Lookup, withPassages } from './lookup.ts';
import type { RetrievalAccount, RetrievalOptions } from './retrieval.ts';

/** What becomes the prompt of a generation. */
export interface PromptRequest {
  readonly turns: readonly Turn[];
  /** Raw prompt, in place of `turns`. If omitted, the format renders the turns. */
  readonly promptIds?: readonly number[] | undefined;
  /** Tools that the prompt describes. If omitted, none. */
  readonly tools?: ToolUse | undefined;
  /** Documents to look up. If omitted, none. */
  readonly retrieval?: RetrievalOptions | undefined;
  /** The beginning of the output, which the generation continues. If omitted, the output begins with the thinking. */
  readonly prefix?: OutputPrefix | undefined;
}

/** A prompt in the token ids of its model. */
export interface PreparedPrompt {
  /** The conversation with the system message and the tools, up to the assistant's turn. */
  readonly promptIds: readonly number[];
  /** The beginning of the output (see `encodePrefix`). Empty if there is none. */
  readonly prefixIds: readonly number[];
  /** What was looked up before the thinking, if anything was. */
  readonly retrieval?: RetrievalAccount;
}

/** What the preparation of a prompt needs beside the request. */
export interface PromptContext {
  readonly caller: Caller;
  readonly signal: AbortSignal;
  readonly maxTokens?: number;
  readonly lookup?: Lookup | undefined;
}

/**
 * Turns a conversation into token ids, for every generation and for token counting: adds the description of the tools and the
 * default system message, and encodes the prefix.
 *
 * @throws {ApiError} 400 if retrieval is requested, and no store of documents is deployed; 404 if a store is not the key's
 * @param context.lookup the search of the request. Required if the request has `retrieval`
 * @param context.maxTokens most tokens of the conversation. Encoding stops as soon as it certainly has more. If omitted, any number
 * @throws {TooManyTokensError} if the conversation has more than `context.maxTokens`
 * @throws {UnencodableTextError} if the tokenizer cannot encode a text
 * @throws the abort reason of `signal`.
 */
export async function preparePrompt(
  { turns, promptIds: raw, tools, retrieval, prefix = {} }: PromptRequest,
  model: ServedModel,
  { signal, maxTokens, lookup }: PromptContext,
): Promise<PreparedPrompt> {
  signal.throwIfAborted();
  if (retrieval !== undefined && lookup === undefined) {
    throw invalidRequest(
      'retrieval',
      'This deployment has no store of documents. Omit retrieval.',
      'unsupported_parameter',
    );
  }
  const block = retrieval?.when === 'before' ? await lookup?.blockFor(model, { signal }) : undefined;
  if (retrieval?.when === 'unsure') await lookup?.check();
  const asked = block === undefined ? turns : withPassages(turns, block);
  const limits = { signal, ...(maxTokens === undefined ? {} : { maxTokens }) };
  const [promptIds, prefixIds] = await Promise.all([
    raw ?? model.promptIds(asked, tools === undefined ? limits : { ...limits, tools: tools.tools }),
    model.prefixIds(prefix, limits),
  ]);
  signal.throwIfAborted();
  return { promptIds, prefixIds, ...(block === undefined ? {} : { retrieval: block.account }) };
}
