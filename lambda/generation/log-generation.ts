import type { AppDependencies } from '../context.ts';
import type { ForcingReport } from '../forcing/report.ts';
import type { Generation, GenerationEvent } from './generation.ts';
import { requestMetrics } from './generation-metrics.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';

/**
 * Passes the events of one sample on and writes one log line, with its metrics, when they end, fail or are aborted. A sample that goes on
 * in another segment of work is counted in metrics when it is done: a segment that found no place is no failure of a request.
 */
export async function* logGeneration(
  events: AsyncGenerator<GenerationEvent>,
  { signal, plan: { limits } }: Generation,
  { model, requested }: GenerationRequest,
  { log, clock, unixTime }: AppDependencies,
  { requestId, continuation }: GenerationContext,
): AsyncGenerator<GenerationEvent> {
  const startedAt = clock.now();
  const elapsedMs = () => Math.round(clock.now() - startedAt);
  let firstTextMs: number | undefined;
  let firstAnswerMs: number | undefined;
  let report: ForcingReport | undefined;
  try {
    for await (const event of events) {
      if (event.kind === 'text') firstTextMs ??= elapsedMs();
      if (event.kind === 'text' && event.part === 'answer') firstAnswerMs ??= elapsedMs();
      if (event.kind === 'done') report = event.report;
      yield event;
    }
  } finally {
    const outcome = signal.aborted ? 'aborted' : report === undefined ? 'failed' : 'done';
    const metrics = {
      WantedThinkingTokens: requested.maxTokens ?? model.settings.defaultMaxThinkingTokens,
      GrantedThinkingTokens: limits.maxTokens,
      UsedThinkingTokens: report?.thinkingTokens,
      ForcedTokens: report?.forcedTokens,
      TimeToFirstToken: firstTextMs,
      TimeToAnswer: firstAnswerMs,
      LoadCuts: report && (report.endReason === 'load' ? 1 : 0),
      Failures: outcome === 'failed' ? 1 : 0,
    };
    log('info', 'generation', {
      request_id: requestId,
      model: model.settings.id,
      limits,
      outcome,
      ...(outcome === 'done' && report !== undefined && withoutText(report)),
      ...(continuation !== undefined && outcome !== 'done' ? {} : requestMetrics(model.settings, metrics, unixTime())),
      first_text_ms: firstTextMs,
      first_answer_ms: firstAnswerMs,
      total_ms: elapsedMs(),
    });
  }
}

/** The report without the stop text, which is the request's own text, and without the list of events. */
function withoutText({ stopText: _stopText, events: _events, ...account }: ForcingReport) {
  return account;
}
