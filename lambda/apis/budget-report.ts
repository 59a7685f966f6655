import type { ForcingReport } from '../forcing/report.ts';
import type { SegmentAccount } from '../generation/generation.ts';
import type { RunningGeneration } from '../generation/request.ts';

/** Converts the account of a request to the `budget_forcing` object. All counts are tokens of the model. */
export function toBudgetReport(
  report: ForcingReport,
  segments: readonly SegmentAccount[],
  { shrunk, setBy, load }: Pick<RunningGeneration, 'shrunk' | 'setBy' | 'load'>,
) {
  return {
    thinking_tokens: report.thinkingTokens,
    answer_tokens: report.answerTokens,
    delimiter_tokens: report.delimiterTokens,
    end_reason: report.endReason ?? null,
    waits: report.waits,
    segments: report.segments,
    sampled_tokens: report.sampledTokens,
    forced_tokens: report.forcedTokens,
    discarded_tokens: report.discardedTokens,
    minimum_missed: report.minimumMissed ?? null,
    limits: {
      min_tokens: report.limits.minTokens,
      max_tokens: report.limits.maxTokens,
      waits: report.limits.waits,
      max_answer_tokens: report.limits.maxAnswerTokens,
      set_by: setBy,
      shrunk: shrunk.map(({ limit, from, to, because }) => ({ limit, from, to, because })),
    },
    load:
      load === undefined
        ? null
        : {
            elastic: load.elastic,
            wanted: load.requested,
            granted: load.granted,
            floor: load.floor,
            set_by: report.endReason === 'load' ? 'load' : load.setBy,
            copies: load.copies,
            starting_copies: load.startingCopies,
            // Without copies, pressure is infinite, which JSON cannot express.
            pressure: Number.isFinite(load.pressure) ? Math.round(load.pressure * 1_000) / 1_000 : null,
            expected_wait_seconds: Math.ceil(load.expectedWaitSeconds),
          },
    events: report.events.map((event) => ({ ...event })),
    calls: segments.map((segment) => ({
      part: segment.part,
      prompt_tokens: segment.promptTokens,
      prompt_tokens_evaluated: segment.promptTokensEvaluated ?? null,
      tokens: segment.tokens,
      failure: segment.failure ?? null,
    })),
  };
}
export type BudgetReport = ReturnType<typeof toBudgetReport>;
