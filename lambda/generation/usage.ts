import type { ForcingReport } from '../forcing/report.ts';
import type { SegmentAccount } from './generation.ts';

/** The account of one sample, as `generate` gives it. */
export interface SampleAccount {
  readonly report: ForcingReport;
  readonly segments: readonly SegmentAccount[];
}

/**
 * OpenAI's `usage` over all samples of a request. The prompt is counted once, however many segments and samples ran; `completion_tokens`
 * is thinking and answer, without the tokens that only delimit them (those are in `budget_forcing.delimiter_tokens`).
 */
export function toChatUsage(samples: readonly SampleAccount[]) {
  const promptTokens = samples[0]?.report.promptTokens ?? 0;
  const first = samples[0]?.segments[0];
  const cached =
    first?.promptTokensEvaluated === undefined ? 0 : Math.max(0, first.promptTokens - first.promptTokensEvaluated);
  const completionTokens = sum(samples, ({ report }) => report.completionTokens);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: Math.min(cached, promptTokens) },
    completion_tokens_details: { reasoning_tokens: sum(samples, ({ report }) => report.thinkingTokens) },
  };
}
export type ChatUsage = ReturnType<typeof toChatUsage>;

function sum(samples: readonly SampleAccount[], of: (sample: SampleAccount) => number): number {
  return samples.reduce((total, sample) => total + of(sample), 0);
}
