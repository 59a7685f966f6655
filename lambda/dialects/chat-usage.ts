import type { ForcingReport } from '../forcing/report.ts';
import type { SegmentAccount } from '../generate.ts';

/**
 * OpenAI's `usage`. The prompt is counted once, however many segments ran; `completion_tokens` is thinking and answer, without
 * the tokens that only delimit them (those are in `budget_forcing.delimiter_tokens`).
 */
export function toChatUsage(report: ForcingReport, segments: readonly SegmentAccount[]) {
  const first = segments[0];
  const cached =
    first?.promptTokensEvaluated === undefined ? 0 : Math.max(0, first.promptTokens - first.promptTokensEvaluated);
  return {
    prompt_tokens: report.promptTokens,
    completion_tokens: report.completionTokens,
    total_tokens: report.promptTokens + report.completionTokens,
    prompt_tokens_details: { cached_tokens: Math.min(cached, report.promptTokens) },
    completion_tokens_details: { reasoning_tokens: report.thinkingTokens },
  };
}
export type ChatUsage = ReturnType<typeof toChatUsage>;
