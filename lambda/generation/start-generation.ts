import type { AppDependencies } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import type { ForcingReport, Limits } from '../forcing/report.ts';
import {
  type LimitsOfModel,
  type RequestedBudget,
  type SettledLimits,
  type Shrink,
  settleLimits,
} from '../forcing/settle-limits.ts';
import type { Caller } from '../keys/key-record.ts';
import { remainingHeaders, type UsageReservation, type UsedTokens } from '../keys/ledger.ts';
import type { ServedModel } from '../models/served-model.ts';
import type { Admission, LoadReport } from '../scaling/admission-gate.ts';
import type { ModelSettings } from '../settings/settings.ts';
import { defaultRetryPolicy, type Generation, type GenerationEvent, generate } from './generate.ts';
import { requestMetrics } from './generation-metrics.ts';
import { mergeGenerators } from './merge-generators.ts';
import type { GenerationContext, GenerationRequest, RunningGeneration, SetBy } from './request.ts';
import { type SampleAccount, toChatUsage } from './usage.ts';

const DEFAULT_WAIT_TEXT = 'Wait';

/**
 * Settles the limits and begins. Nothing of the model runs before `events` is read.
 *
 * @throws {ApiError} 400 where the limits contradict each other or do not fit.
 */
export async function startGeneration(
  request: GenerationRequest,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<RunningGeneration> {
  const { model, thinking, requested, structure } = request;
  const { settings } = model;
  const { clock } = dependencies;
  const waitText = thinking.waitText ?? DEFAULT_WAIT_TEXT;
  const [format, promptIds, waitIds] = await Promise.all([
    model.format({ bare: structure !== undefined }),
    model.promptIds(request.turns),
    model.textIds(waitText),
  ]);
  const settled = settleLimits(requested, ceilings(settings, context.caller), promptIds.length, format, request.names);
  if (!settled.ok) throw new ApiError(400, settled.message, { param: settled.field, code: settled.code });
  const most = (limits: Limits) =>
    Math.min(
      limits.maxTokens + limits.maxAnswerTokens,
      requested.maxCompletionTokens ?? Number.POSITIVE_INFINITY,
      settings.contextTokens - promptIds.length,
    );
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, thinking.deadlineMs ?? Number.POSITIVE_INFINITY);
  const load = dependencies.loads?.get(settings.id);
  const admission = await load?.gate
    .admit({
      requestId: context.requestId,
      key: context.caller.id,
      promptTokens: promptIds.length,
      minTokens: settled.limits.minTokens,
      maxTokens: settled.limits.maxTokens,
      answerTokens: Math.max(0, most(settled.limits) - settled.limits.maxTokens),
      samples: request.samples,
      elastic: thinking.elastic?.allowed,
      keyElastic: context.caller.limits.elastic,
      floorTokens: thinking.elastic?.floorTokens,
    })
    .catch((error: unknown) => failOpen(error, dependencies.log));
  const { limits, shrunk } = granted(settled, admission?.report);
  // As `usage` counts it: what opens the thinking is part of the prompt.
  const promptTokens = promptIds.length + (limits.maxTokens === 0 ? 0 : format.openThinking.length);
  let admitted: UsageReservation | undefined;
  try {
    admitted = await dependencies.ledger?.admit(context.caller, {
      requestId: context.requestId,
      model: settings.id,
      tokens: promptTokens + most(limits) * request.samples,
      leaseSeconds: Math.ceil(timeoutMs / 1_000) + LEASE_MARGIN_SECONDS,
    });
  } catch (error) {
    await admission?.admitted.withdraw().catch((failure: unknown) => {
      dependencies.log('error', 'load not settled', loggableError(failure));
    });
    throw error;
  }

  const cancel = new AbortController();
  const accounts: SampleAccount[] = [];
  const newDecoder = model.newDecoder();
  const softLanding = thinking.softLanding ?? settings.softLanding;
  const generation: Generation = {
    model: model.segments,
    sampling: request.sampling,
    ...(structure === undefined ? {} : { structure }),
    ...(request.topLogprobs === undefined ? {} : { topLogprobs: request.topLogprobs }),
    clock,
    retry: { ...defaultRetryPolicy, capacityWaitMs: dependencies.capacityWaitMs },
    signal: AbortSignal.any([context.signal, cancel.signal]),
    deadlineMs: clock.now() + timeoutMs,
    whileNoCapacity: load === undefined ? undefined : async () => await load.gate.whileWaiting(),
    onEnd: (account) => accounts.push(account),
    plan: {
      promptIds,
      format,
      limits,
      wait: { ids: waitIds, text: waitText },
      contextTokens: settings.contextTokens,
      stopTexts: request.stopTexts,
      detectLoops: thinking.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(requested.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: requested.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
    },
  };
  const generators = Array.from({ length: request.samples }, (_, index) =>
    logged(
      generate(watchedOf(sampleOf(generation, index), index, admission)),
      dependencies,
      context.requestId,
      model,
      generation,
      requested,
    ),
  );
  const merged = mergeGenerators(generators, () => cancel.abort(new Error('Another sample of the request failed.')));
  return {
    samples: request.samples,
    headers: admitted === undefined ? {} : remainingHeaders(admitted.remaining),
    excludeThinking: thinking.exclude,
    promptTokens,
    limits,
    shrunk,
    setBy: setByOf(request, shrunk),
    load: admission?.report,
    events: settling(
      merged,
      admission,
      async () => await admitted?.settle(usedTokens(promptTokens, accounts)),
      dependencies.log,
    ),
    cancel: () => cancel.abort(new DOMException('The client went away.', 'AbortError')),
  };
}

/** Kept beyond the request's own time before its lease is free for others. Seconds. */
const LEASE_MARGIN_SECONDS = 30;

/** The model's limits, lowered by those of the key. */
function ceilings(settings: ModelSettings, { limits }: Caller): LimitsOfModel {
  const ceiling = limits.max_thinking_tokens;
  if (ceiling === undefined || ceiling >= settings.maxThinkingTokens) return settings;
  return { ...settings, maxThinkingTokens: ceiling, ceilingOf: 'key' };
}

/** Passes events on, and settles the request in both ledgers at its end, whichever way it ends. */
async function* settling<Event>(
  events: AsyncGenerator<Event>,
  admission: Admission | undefined,
  settle: () => Promise<void>,
  log: Log,
): AsyncGenerator<Event> {
  admission?.admitted.begin();
  try {
    yield* events;
  } finally {
    await endLoad(admission, log);
    await settle().catch((error: unknown) => {
      log('error', 'usage not settled', loggableError(error));
    });
  }
}

async function endLoad(admission: Admission | undefined, log: Log): Promise<void> {
  await admission?.admitted.end().catch((error: unknown) => {
    log('error', 'load not settled', loggableError(error));
  });
}

/** A refusal stands. Where the load cannot be looked at, the request goes on without: an answer is worth more than its place in line. */
function failOpen(error: unknown, log: Log): undefined {
  if (error instanceof ApiError) throw error;
  log('error', 'load not looked at', loggableError(error));
}

/** The limits as the load grants them. */
function granted(
  { limits, shrunk }: Pick<Extract<SettledLimits, { ok: true }>, 'limits' | 'shrunk'>,
  report: LoadReport | undefined,
): { readonly limits: Limits; readonly shrunk: readonly Shrink[] } {
  if (report === undefined || report.granted >= limits.maxTokens) return { limits, shrunk };
  return {
    limits: { ...limits, maxTokens: report.granted },
    shrunk: [...shrunk, { limit: 'max_tokens', from: limits.maxTokens, to: report.granted, because: 'load' }],
  };
}

/** The same generation, counted and cut by the load. */
function watchedOf(generation: Generation, index: number, admission: Admission | undefined): Generation {
  if (admission === undefined) return generation;
  const { admitted } = admission;
  return {
    ...generation,
    cutThinking: admitted.cutOf(index),
    onTokens: (soFar) => admitted.count(index, soFar),
  };
}

function usedTokens(promptTokens: number, accounts: readonly SampleAccount[]): UsedTokens {
  const sum = (of: (report: SampleAccount['report']) => number) =>
    accounts.reduce((total, { report }) => total + of(report), 0);
  return {
    prompt: promptTokens,
    cached: toChatUsage(accounts).prompt_tokens_details.cached_tokens,
    thinking: sum((report) => report.thinkingTokens),
    answer: sum((report) => report.answerTokens),
    forced: sum((report) => report.forcedTokens),
  };
}

function setByOf({ requested, names }: GenerationRequest, shrunk: readonly Shrink[]): SetBy {
  const by = (value: number | undefined, name: string) => (value === undefined ? 'default' : name);
  return {
    min_tokens: by(requested.minTokens, names.minTokens),
    max_tokens: shrunk.at(-1)?.because ?? by(requested.maxTokens, names.maxTokens),
    waits: by(requested.waits, 'thinking.waits'),
    max_answer_tokens: by(requested.maxCompletionTokens, names.maxCompletionTokens),
  };
}

/** The same generation with a seed of its own, where there is one. */
function sampleOf(generation: Generation, index: number): Generation {
  const { seed } = generation.sampling;
  if (seed === undefined || index === 0) return generation;
  return { ...generation, sampling: { ...generation.sampling, seed: seed + index } };
}

/** Passes events on and writes one line to the log at the end, whichever way it ends: what was done, and its metrics. */
async function* logged(
  events: AsyncGenerator<GenerationEvent>,
  { log, clock, unixTime }: AppDependencies,
  requestId: string,
  model: ServedModel,
  { signal, plan: { limits } }: Generation,
  { maxTokens: wantedTokens = model.settings.defaultMaxThinkingTokens }: RequestedBudget,
): AsyncGenerator<GenerationEvent> {
  const startedAt = clock.now();
  const elapsed = () => Math.round(clock.now() - startedAt);
  let firstTextMs: number | undefined;
  let firstAnswerMs: number | undefined;
  let outcome: Readonly<Record<string, unknown>> = { outcome: 'failed' };
  let report: ForcingReport | undefined;
  try {
    for await (const event of events) {
      if (event.kind === 'text') firstTextMs ??= elapsed();
      if (event.kind === 'text' && event.part === 'answer') firstAnswerMs ??= elapsed();
      if (event.kind === 'done') {
        const { stopText: _stopText, events: _events, ...account } = event.report;
        report = event.report;
        outcome = { outcome: 'done', ...account };
      }
      yield event;
    }
  } finally {
    if (signal.aborted) outcome = { outcome: 'aborted' };
    log('info', 'generation', {
      request_id: requestId,
      model: model.settings.id,
      limits,
      ...outcome,
      ...requestMetrics(
        model.settings,
        {
          WantedThinkingTokens: wantedTokens,
          GrantedThinkingTokens: limits.maxTokens,
          UsedThinkingTokens: report?.thinkingTokens,
          ForcedTokens: report?.forcedTokens,
          TimeToFirstToken: firstTextMs,
          TimeToAnswer: firstAnswerMs,
          LoadCuts: report && (report.endReason === 'load' ? 1 : 0),
          Failures: outcome['outcome'] === 'failed' ? 1 : 0,
        },
        unixTime(),
      ),
      first_text_ms: firstTextMs,
      first_answer_ms: firstAnswerMs,
      total_ms: elapsed(),
    });
  }
}
