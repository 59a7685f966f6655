import { ApiError } from './api-error.ts';
import type { AppDependencies, Log } from './app.ts';
import type { ThinkingWish } from './dialects/budget-dialects.ts';
import { type SampleAccount, toChatUsage } from './dialects/chat-usage.ts';
import type { Turn } from './forcing/format.ts';
import type { ForcingReport, Limits } from './forcing/report.ts';
import {
  type FieldNames,
  type LimitsOfModel,
  type SettledLimits,
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
import type { LetIn, LoadReport } from './scaling/load-gate.ts';
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
  /** Asks for the answer's logarithms of probabilities, and for so many of the likeliest at each token: 0 to 20. */
  readonly topLogprobs?: number;
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
  /** What the load made of the request. Absent: nobody looks at it. */
  readonly load: LoadReport | undefined;
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
  const most = (limits: Limits) =>
    Math.min(
      limits.maxTokens + limits.maxAnswerTokens,
      wanted.maxCompletionTokens ?? Number.POSITIVE_INFINITY,
      settings.contextTokens - promptIds.length,
    );
  const timeoutMs = Math.min(dependencies.requestTimeoutMs, wish.deadlineMs ?? Number.POSITIVE_INFINITY);
  const load = dependencies.loads?.get(settings.id);
  const letIn = await load?.gate
    .letIn({
      requestId: context.requestId,
      key: context.caller.id,
      promptTokens: promptIds.length,
      minTokens: settled.limits.minTokens,
      maxTokens: settled.limits.maxTokens,
      answerTokens: Math.max(0, most(settled.limits) - settled.limits.maxTokens),
      samples: request.samples,
      elastic: wish.elastic?.allowed,
      keyElastic: context.caller.limits.elastic,
      floorTokens: wish.elastic?.floorTokens,
    })
    .catch((error: unknown) => ungated(error, dependencies.log));
  const { limits, shrunk } = granted(settled, letIn?.report);
  // As `usage` counts it: what opens the thinking is part of the prompt.
  const promptTokens = promptIds.length + (limits.maxTokens === 0 ? 0 : format.openThinking.length);
  let admitted: Admitted | undefined;
  try {
    admitted = await dependencies.ledger?.admit(context.caller, {
      requestId: context.requestId,
      model: settings.id,
      tokens: promptTokens + most(limits) * request.samples,
      leaseSeconds: Math.ceil(timeoutMs / 1_000) + LEASE_MARGIN_SECONDS,
    });
  } catch (error) {
    await letIn?.watched.withdraw().catch((failure: unknown) => {
      dependencies.log('error', 'load not settled', loggableError(failure));
    });
    throw error;
  }

  const cancel = new AbortController();
  const accounts: SampleAccount[] = [];
  const newDecoder = model.newDecoder();
  const softLanding = wish.softLanding ?? settings.softLanding;
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
      detectLoops: wish.detectLoops ?? settings.detectLoops ?? false,
      ...(softLanding === undefined ? {} : { softLanding }),
      ...(wanted.maxCompletionTokens === undefined ? {} : { maxCompletionTokens: wanted.maxCompletionTokens }),
      ...(newDecoder === undefined ? {} : { newDecoder }),
    },
  };
  const generators = Array.from({ length: request.samples }, (_, index) =>
    logged(
      generate(watchedOf(sampleOf(generation, index), index, letIn)),
      dependencies,
      context.requestId,
      model,
      generation,
      wanted,
    ),
  );
  const merged = mergeGenerators(generators, () => cancel.abort(new Error('Another sample of the request failed.')));
  return {
    samples: request.samples,
    headers: admitted === undefined ? {} : remainingHeaders(admitted.remaining),
    excludeThinking: wish.exclude,
    promptTokens,
    limits,
    shrunk,
    setBy: setByOf(request, shrunk),
    load: letIn?.report,
    events: settling(
      merged,
      letIn,
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
  letIn: LetIn | undefined,
  settle: () => Promise<void>,
  log: Log,
): AsyncGenerator<Event> {
  letIn?.watched.begin();
  try {
    yield* events;
  } finally {
    await endLoad(letIn, log);
    await settle().catch((error: unknown) => {
      log('error', 'usage not settled', loggableError(error));
    });
  }
}

async function endLoad(letIn: LetIn | undefined, log: Log): Promise<void> {
  await letIn?.watched.end().catch((error: unknown) => {
    log('error', 'load not settled', loggableError(error));
  });
}

/** A refusal stands. Where the load cannot be looked at, the request goes on without: an answer is worth more than its place in line. */
function ungated(error: unknown, log: Log): undefined {
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
function watchedOf(generation: Generation, index: number, letIn: LetIn | undefined): Generation {
  if (letIn === undefined) return generation;
  const { watched } = letIn;
  return {
    ...generation,
    cutThinking: watched.cutOf(index),
    onTokens: (soFar) => watched.count(index, soFar),
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
