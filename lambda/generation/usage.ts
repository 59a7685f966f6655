import type { ForcingReport } from '../forcing/report.ts';
import type { RetrievalAccount } from './retrieval.ts';
import type { SegmentAccount } from './segment-account.ts';

/** The account of one sample, as `generate` passes it to `onEnd`. */
export interface SampleAccount {
  readonly report: ForcingReport;
  readonly segments: readonly SegmentAccount[];
  /** What was looked up, if anything was. */
  readonly retrieval?: RetrievalAccount | undefined;
  /** Index in the request's route of the model that ran. @default 0 */
  readonly attempt?: number;
}

/**
 * Converts the accounts of all samples of a request to OpenAI's `usage`. The prompt counts once, for any number of segments and
 * samples; passages in a thought are input as well. `completion_tokens` is thinking and answer, without delimiters (see `budget_forcing.delimiter_tokens`).
 */
export function toChatUsage(samples: readonly SampleAccount[]) {
  const promptTokens = (samples[0]?.report.promptTokens ?? 0) + sum(samples, ({ report }) => report.retrievedTokens);
  const cached = cachedTokensOf(samples) ?? 0;
  const completionTokens = sum(samples, ({ report }) => report.completionTokens);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: Math.min(cached, promptTokens) },
    completion_tokens_details: { reasoning_tokens: sum(samples, ({ report }) => report.thinkingTokens) },
  };
}
/** Tokens of the prompt that the cache of a copy held. `undefined` if the server does not report them. */
export function cachedTokensOf(samples: readonly SampleAccount[]): number | undefined {
  const first = samples[0]?.segments[0];
  if (first?.promptTokensEvaluated === undefined) return undefined;
  return Math.max(0, first.promptTokens - first.promptTokensEvaluated);
}

export type ChatUsage = ReturnType<typeof toChatUsage>;

/** OpenAI's `usage` of a request that is still running, for the chunks of its stream. */
export function toUsageSoFar(
  promptTokens: number,
  soFar: { readonly thinking: number; readonly answer: number },
): ChatUsage {
  const completionTokens = soFar.thinking + soFar.answer;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: soFar.thinking },
  };
}

function sum(samples: readonly SampleAccount[], select: (sample: SampleAccount) => number): number {
  return samples.reduce((total, sample) => total + select(sample), 0);
}
