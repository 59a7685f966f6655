import { createParser } from 'eventsource-parser';
import * as z from 'zod';
import { ModelFailedError, ModelRejectedError, StreamBrokenError } from './errors.ts';
import type { SegmentChunk, TokenLogprob } from './segment-model.ts';
import { TokenCount } from './token-count.ts';

/** A chunk of vLLM's streamed text completion: the fields in use. vLLM sends `error` if it fails after the stream began. */
const chunkSchema = z.object({
  choices: z
    .array(
      z.object({
        text: z.string(),
        token_ids: z.array(z.int()).nullish(),
        finish_reason: z.string().nullish(),
        stop_reason: z.union([z.int(), z.string()]).nullish(),
        logprobs: z
          .object({
            tokens: z.array(z.string()),
            token_logprobs: z.array(z.number().nullable()),
            top_logprobs: z.array(z.record(z.string(), z.number().nullable()).nullable()).nullish(),
          })
          .nullish(),
      }),
    )
    .optional(),
  usage: z
    .object({
      prompt_tokens: z.int(),
      completion_tokens: z.int().nullish(),
      prompt_tokens_details: z.object({ cached_tokens: z.int().nullish() }).nullish(),
    })
    .nullish(),
  error: z
    .union([z.string(), z.object({ message: z.string().optional(), code: z.union([z.int(), z.string()]).nullish() })])
    .optional(),
});

/**
 * Parses the chunks of a streamed text completion. Its bytes may be cut anywhere, even inside a line or a character.
 *
 * Drops chunks that came twice, if the server counts its tokens in each chunk.
 *
 * @throws {StreamBrokenError} if the bytes end before a finish reason, or a chunk was lost.
 * @throws {ModelRejectedError} if the server rejected the request in the stream.
 * @throws {ModelFailedError} if the server failed, or does not support vLLM's `return_token_ids`.
 */
export async function* readCompletionStream(
  bytes: AsyncIterable<Uint8Array>,
  { promptLogprobs: echoed = false }: { readonly promptLogprobs?: boolean | undefined } = {},
): AsyncGenerator<SegmentChunk> {
  const events: string[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event.data) });
  const utf8 = new TextDecoder();
  // The prompt's token counts come after the last token, so the final chunk is held until they are read.
  let finalChunk: SegmentChunk | undefined;
  const count = new TokenCount();

  for await (const part of bytes) {
    parser.feed(utf8.decode(part, { stream: true }));
    for (const data of events.splice(0)) {
      if (data === '[DONE]') {
        if (finalChunk === undefined)
          throw new StreamBrokenError('The stream of the model ended without a finish reason.');
        yield finalChunk;
        return;
      }
      const { reported, ...read } = toChunk(data);
      const chunk = echoed ? withoutEcho(read) : read;
      if (finalChunk !== undefined) {
        // After the final chunk, only the usage of the whole call is of use. A repeated chunk is dropped.
        if (chunk.promptUsage !== undefined) finalChunk = { ...finalChunk, ...totals(chunk, reported) };
        continue;
      }
      if (count.add(chunk.tokenIds.length, reported, chunk.finishReason !== undefined)) continue;
      if (chunk.finishReason !== undefined) finalChunk = chunk;
      else yield chunk;
    }
  }
  if (finalChunk === undefined) throw new StreamBrokenError('The stream of the model broke before a finish reason.');
  yield finalChunk;
}

/**
 * With `echo`, the log-probabilities of the first chunk begin with those of the prompt, which vLLM's `token_ids` do not have. The text
 * of such a chunk begins with the prompt's, so it is dropped: only its ids and log-probabilities are used.
 */
function withoutEcho(chunk: SegmentChunk): SegmentChunk {
  const { logprobs = [], tokenIds } = chunk;
  const prompt = logprobs.length - tokenIds.length;
  if (prompt <= 0) return chunk;
  return { ...chunk, text: '', logprobs: logprobs.slice(prompt), promptLogprobs: logprobs.slice(0, prompt) };
}

function totals({ promptUsage }: SegmentChunk, reported: number | undefined): Partial<SegmentChunk> {
  return {
    ...(promptUsage === undefined ? {} : { promptUsage }),
    ...(reported === undefined ? {} : { reportedTokens: reported }),
  };
}

/** A chunk with the server's count of the call's tokens up to it. */
type CountedChunk = SegmentChunk & { readonly reported: number | undefined };

function toChunk(data: string): CountedChunk {
  const { choices, usage, error } = parseChunk(data);
  if (error !== undefined) throw toStreamError(error);
  const choice = choices?.[0];
  // Only the usage of the whole call says how much of the prompt was cached.
  const promptUsage =
    usage == null || (choice !== undefined && usage.prompt_tokens_details == null)
      ? {}
      : { promptUsage: { total: usage.prompt_tokens, cached: usage.prompt_tokens_details?.cached_tokens ?? 0 } };
  const reported = usage?.completion_tokens ?? undefined;
  if (choice === undefined) return { tokenIds: [], text: '', reported, ...promptUsage };
  if (choice.token_ids == null && choice.text !== '') {
    throw new ModelFailedError(
      'The model server sent text without token ids. Budgets are counted in ids: use a server that supports `return_token_ids` (vLLM 0.10.2 or newer).',
    );
  }
  return {
    tokenIds: choice.token_ids ?? [],
    text: choice.text,
    reported,
    ...(choice.logprobs == null ? {} : { logprobs: toLogprobs(choice.logprobs) }),
    ...toFinish(choice.finish_reason),
    ...(choice.stop_reason == null ? {} : { stopReason: choice.stop_reason }),
    ...promptUsage,
  };
}

/** vLLM's substitute for a log-probability of negative infinity, which JSON cannot express. */
const MIN_LOGPROB = -9_999;

function toLogprobs(given: {
  readonly tokens: readonly string[];
  readonly token_logprobs: readonly (number | null)[];
  readonly top_logprobs?: readonly (Readonly<Record<string, number | null>> | null)[] | null | undefined;
}): readonly TokenLogprob[] {
  return given.tokens.map((token, index) => ({
    token,
    logprob: given.token_logprobs[index] ?? MIN_LOGPROB,
    // A JavaScript object moves keys that are digits to its front, so the order of the server is lost.
    top: Object.entries(given.top_logprobs?.[index] ?? {})
      .map(([other, logprob]) => ({ token: other, logprob: logprob ?? MIN_LOGPROB }))
      .toSorted((a, b) => b.logprob - a.logprob),
  }));
}

type Chunk = z.infer<typeof chunkSchema>;

function parseChunk(data: string): Chunk {
  try {
    const parsed: unknown = JSON.parse(data);
    return isPlainChunk(parsed) ? parsed : chunkSchema.parse(parsed);
  } catch (cause) {
    throw new ModelFailedError('The model server sent a chunk that is not one of a text completion.', { cause });
  }
}

/**
 * Whether a chunk is one of those of which a stream consists: one choice with text and ids, and at most a count of tokens. The schema would
 * accept it as it is, but at ten times the cost.
 */
function isPlainChunk(value: unknown): value is Chunk {
  if (!isRecord(value) || value['error'] !== undefined) return false;
  const { choices, usage } = value;
  if (!Array.isArray(choices) || choices.length !== 1) return false;
  const [choice]: readonly unknown[] = choices;
  if (!isRecord(choice) || typeof choice['text'] !== 'string' || choice['logprobs'] != null) return false;
  if (choice['finish_reason'] != null || choice['stop_reason'] != null) return false;
  const ids = choice['token_ids'];
  if (!Array.isArray(ids) || !ids.every(Number.isSafeInteger)) return false;
  if (usage == null) return true;
  if (!isRecord(usage) || usage['prompt_tokens_details'] != null) return false;
  return Number.isSafeInteger(usage['prompt_tokens']) && Number.isSafeInteger(usage['completion_tokens']);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toFinish(reason: string | null | undefined): { finishReason?: 'stop' | 'length' } {
  if (reason == null) return {};
  if (reason === 'stop' || reason === 'length') return { finishReason: reason };
  // `abort` and `error`: the engine dropped the request. The chunks before stay valid.
  throw new StreamBrokenError(`The model server ended the stream with the finish reason ${JSON.stringify(reason)}.`);
}

function toStreamError(
  error: string | { message?: string | undefined; code?: number | string | null | undefined },
): Error {
  const message = typeof error === 'string' ? error : (error.message ?? 'no message');
  const status = typeof error === 'string' ? 500 : Number(error.code ?? 500);
  return status >= 400 && status < 500
    ? new ModelRejectedError(`The model server rejected the request: ${message}`, { serverMessage: message })
    : new ModelFailedError(`The model server failed: ${message}`, { serverMessage: message });
}
