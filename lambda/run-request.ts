import { ApiError } from './api-error.ts';
import type { AppDependencies, Log } from './app.ts';
import type { ThinkingWish } from './dialects/budget-dialects.ts';
import { type SampleAccount, toChatUsage } from './dialects/chat-usage.ts';
import type { Turn } from './forcing/format.ts';
import type { ForcingReport, Limits } from './forcing/report.ts';
import {
  type FieldNames,
  type LimitsOfModel,
  type Shrink,
  settleLimits,
  type WantedBudget,
} from './forcing/settle-limits.ts';
import { defaultRetryPolicy, type Generation, type GenerationEvent, generate } from './generate.ts';
import type { Caller } from './keys/key-record.ts';
import { type Admitted, remainingHeaders, type UsedTokens } from './keys/ledger.ts';
import { loggableError } from './loggable-error.ts';
import { mergeGenerators } from './merge-generators.ts';
import type { AnswerStructure, Sampling } from './models/segment-model.ts';
import { requestMetrics } from './request-metrics.ts';
import type { ServedModel } from './served-model.ts';
import type { ModelSettings } from './settings.ts';

/** What a client wants, whichever dialect it speaks. */
export interface RunRequest {
  readonly model: ServedModel;
  readonly turns: readonly Turn[];
  readonly wanted: WantedBudget;
  /** How the client's dialect calls the limits, for messages. */
  readonly names: FieldNames;
  readonly wish: ThinkingWish;
  readonly sampling: Sampling;
  readonly stopTexts: readonly string[];
  /** The form that the answer has to have. Absent: any text. */
  readonly structure?: AnswerStructure;
  /** Minimum: 1. */
  readonly samples: number;
}

/** Who set a limit: a field of the request by its name, `default`, or what made it shrink. */
export interface SetBy {
  readonly min_tokens: string;
  readonly max_tokens: string;
  readonly waits: string;
  readonly max_answer_tokens: string;
}

export interface RunContext {
  readonly requestId: string;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** A request under way. */
export interface Run {
  readonly samples: number;
  /** What is left of the key's limits. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the thoughts are kept from the client. They are counted all the same. */
  readonly excludeThinking: boolean;
  readonly promptTokens: number;
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
  readonly setBy: SetBy;
  /** What the samples give, as it comes. */
  readonly events: AsyncGenerator<{ readonly index: number; readonly value: GenerationEvent }>;
  /** The client went away: everything of it ends. */
  readonly cancel: () => void;
}

const DEFAULT_WAIT_TEXT = 'Wait';

/**
 * Settles the limits and begins. Nothing of the model runs before `events` is read.
 *
 * @throws {ApiError} 400 where the limits contradict each other or do not fit.
 */
export async function startRun(request: RunRequest, dependencies: AppDependencies, context: RunContext): Promise<Run> {
  const { model, wish, wanted, structure } = request;
  const { settings } = model;
  const { clock } = dependencies;
  const waitText = wish.waitText ?? DEFAULT_WAIT_TEXT;
  const [format, promptIds, waitIds] = await Promise.all([
    model.format({ bare: structure !== undefined }),
    model.promptIds(request.turns),
    model.textIds(waitText),
  ]);
  const settled = settleLimits(wanted, ceilings(settings, context.caller), promptIds.length, format, request.names);
  if (!settled.ok) throw new ApiError(400, settled.message, { param: settled.field, code: settled.code });
  const { limits } = settled;
  const most = Math.min(
    limits.maxTokens + limits.maxAnswerTokens,
    wanted.maxCompletionTokens ?? Number.POSITIVE_INFINITY,
    settings.contextTokens - promptIds.length,
  );
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, wish.deadlineMs ?? Number.POSITIVE_INFINITY);
  const admitted = await dependencies.ledger?.admit(context.caller, {
    requestId: context.requestId,
    model: settings.id,
    tokens: promptIds.length + most * request.samples,
    leaseSeconds: Math.ceil(timeoutMs / 1_000) + LEASE_MARGIN_SECONDS,
  });

  const cancel = new AbortController();
  const accounts: SampleAccount[] = [];
  const newDecoder = model.newDecoder();
  const softLanding = wish.softLanding ?? settings.softLanding;
  const generation: Generation = {
    model: model.segments,
    sampling: request.sampling,
    ...(structure === undefined ? {} : { structure }),
    clock,
    retry: { ...defaultRetryPolicy, capacityWaitMs: dependencies.capacityWaitMs },
    signal: AbortSignal.any([context.signal, cancel.signal]),
    deadlineMs: clock.now() + timeoutMs,
    onEnd: (account) => accounts.push(account),
    plan: {
      promptIds,
      format,
      limits: settled.limits,
      wait: { ids: waitIds, text: waitText },
      contextTokens: settings.contextTokens,
      stopTexts: request.stopTexts,
      detectLoops: wish.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(wanted.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: wanted.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
    },
  };
  const generators = Array.from({ length: request.samples }, (_, index) =>
    logged(generate(sampleOf(generation, index)), dependencies, context.requestId, model, generation, wanted),
  );
  const merged = mergeGenerators(generators, () => cancel.abort(new Error('Another sample of the request failed.')));
  return {
    samples: request.samples,
    headers: admitted === undefined ? {} : remainingHeaders(admitted.remaining),
    excludeThinking: wish.exclude,
    promptTokens: promptIds.length,
    limits: settled.limits,
    shrunk: settled.shrunk,
    setBy: setByOf(request, settled.shrunk),
    events:
      admitted === undefined
        ? merged
        : settling(merged, admitted, () => usedTokens(promptIds.length, accounts), dependencies.log),
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

/** Passes events on, and settles the request in the ledger at its end, whichever way it ends. */
async function* settling<Event>(
  events: AsyncGenerator<Event>,
  admitted: Admitted,
  used: () => UsedTokens,
  log: Log,
): AsyncGenerator<Event> {
  try {
    yield* events;
  } finally {
    await admitted.settle(used()).catch((error: unknown) => {
      log('error', 'usage not settled', loggableError(error));
    });
  }
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

function setByOf({ wanted, names }: RunRequest, shrunk: readonly Shrink[]): SetBy {
  const by = (value: number | undefined, name: string) => (value === undefined ? 'default' : name);
  return {
    min_tokens: by(wanted.minTokens, names.minTokens),
    max_tokens: shrunk.at(-1)?.because ?? by(wanted.maxTokens, names.maxTokens),
    waits: by(wanted.waits, 'thinking.waits'),
    max_answer_tokens: by(wanted.maxCompletionTokens, names.maxCompletionTokens),
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
  { maxTokens: wantedTokens = model.settings.defaultMaxThinkingTokens }: WantedBudget,
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
