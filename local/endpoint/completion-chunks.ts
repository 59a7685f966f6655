import { randomUUID } from 'node:crypto';
import type { Engine } from '../engine/engine.ts';
import type { CompletionBody } from './completion-body.ts';
import { type CompletionFaults, runCompletion, type StepLogprobs } from './run-completion.ts';

/** Deviations of the server's JSON, for tests. */
export interface ChunkFaults extends CompletionFaults {
  readonly omitTokenIds?: boolean;
  readonly extraField?: boolean;
  /** Tokens per chunk, as speculative decoding sends them. @default 1 */
  readonly tokensPerChunk?: number;
}

/** Chunks of a streamed completion in vLLM's JSON. If usage was requested, the last chunk has usage and no choices. */
export async function* completionChunks(
  engine: Engine,
  body: CompletionBody,
  model: string,
  signal: AbortSignal,
  faults: ChunkFaults = {},
): AsyncGenerator<Readonly<Record<string, unknown>>, void, undefined> {
  const shared = {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1_000),
    model,
  };
  let promptIds: readonly number[] | undefined;
  let promptTokens = 0;
  let cachedTokens = 0;
  let completionTokens = 0;
  let text = '';
  let tokenIds: number[] = [];
  let logprobs: StepLogprobs[] = [];
  for await (const step of runCompletion(engine, body, signal, faults)) {
    if ('promptIds' in step) {
      promptIds = step.promptIds;
      promptTokens = step.promptIds.length;
      cachedTokens = step.cachedTokens;
      text = step.echo?.text ?? '';
      logprobs = [...(step.echo?.logprobs ?? [])];
      continue;
    }
    completionTokens += step.tokenIds.length;
    text += step.text;
    tokenIds.push(...step.tokenIds);
    logprobs.push(...step.logprobs);
    if (step.finishReason === null && tokenIds.length < (faults.tokensPerChunk ?? 1)) continue;
    yield {
      ...shared,
      ...(faults.extraField === true ? { kv_transfer_params: { new: 'field' } } : {}),
      choices: [
        {
          index: 0,
          text,
          logprobs: toLogprobs(logprobs),
          finish_reason: step.finishReason,
          stop_reason: step.stopReason,
          ...(body.return_token_ids && faults.omitTokenIds !== true
            ? { prompt_token_ids: promptIds ?? null, token_ids: tokenIds }
            : {}),
        },
      ],
    };
    // Only the first chunk contains the prompt's ids.
    promptIds = undefined;
    text = '';
    tokenIds = [];
    logprobs = [];
  }
  if (body.stream_options?.include_usage === true) {
    yield { ...shared, choices: [], usage: usageOf(promptTokens, cachedTokens, completionTokens) };
  }
}

/** A completion without streaming, in vLLM's JSON. */
export async function wholeCompletion(engine: Engine, body: CompletionBody, model: string, signal: AbortSignal) {
  let text = '';
  const tokenIds: number[] = [];
  const logprobs: StepLogprobs[] = [];
  let promptIds: readonly number[] = [];
  let cachedTokens = 0;
  let last: { readonly finishReason: string | null; readonly stopReason: number | string | null } = {
    finishReason: null,
    stopReason: null,
  };
  for await (const step of runCompletion(engine, body, signal)) {
    if ('promptIds' in step) {
      promptIds = step.promptIds;
      cachedTokens = step.cachedTokens;
      text = step.echo?.text ?? '';
      logprobs.push(...(step.echo?.logprobs ?? []));
    } else {
      text += step.text;
      tokenIds.push(...step.tokenIds);
      logprobs.push(...step.logprobs);
      last = step;
    }
  }
  return {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1_000),
    model,
    choices: [
      {
        index: 0,
        text,
        logprobs: toLogprobs(logprobs),
        finish_reason: last.finishReason,
        stop_reason: last.stopReason,
        ...(body.return_token_ids ? { prompt_token_ids: promptIds, token_ids: tokenIds } : {}),
      },
    ],
    usage: usageOf(promptIds.length, cachedTokens, tokenIds.length),
  };
}

/** Source: `CompletionLogProbs` in vLLM's `vllm/entrypoints/openai/protocol.py`. */
function toLogprobs(steps: readonly StepLogprobs[]) {
  if (steps.length === 0) return null;
  let offset = 0;
  return {
    text_offset: steps.map(({ token }) => {
      const at = offset;
      offset += token.length;
      return at;
    }),
    tokens: steps.map(({ token }) => token),
    token_logprobs: steps.map(({ logprob }) => logprob),
    top_logprobs: steps.map(({ top }) => top),
  };
}

function usageOf(promptTokens: number, cachedTokens: number, completionTokens: number) {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  };
}
