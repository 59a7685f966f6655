import type { AppDependencies } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Log } from '../errors/log.ts';
import { loggableError } from '../errors/loggable-error.ts';
import { givenIds } from '../forcing/plan.ts';
import { maxProbeTokens } from '../forcing/probe-rule.ts';
import type { Limits } from '../forcing/report.ts';
import type { Shrink } from '../forcing/settle-limits.ts';
import type { UsageReservation } from '../keys/ledger.ts';
import type { Admission } from '../scaling/admission-gate.ts';
import type { RouteSettings } from '../settings/routes.ts';
import type { ZeroCopiesSettings } from '../settings/settings.ts';
import type { PreparedRequest } from './prepare-request.ts';
import type { GenerationContext, GenerationRequest } from './request.ts';
import { neededMs } from './timing.ts';

/** Time after a request's own timeout until its lease expires, in seconds. */
const LEASE_MARGIN_SECONDS = 30;

/** A request that the endpoint's load and its key's limits admit, with the limits in force. */
export interface AdmittedGeneration {
  readonly limits: Limits;
  readonly shrunk: readonly Shrink[];
  /** Prompt tokens as `usage` counts them: with those that open the thinking, and the given beginning of the output. */
  readonly promptTokens: number;
  /** `undefined` if the load of the model is not tracked or is unavailable. */
  readonly admission: Admission | undefined;
  /** `undefined` if usage is not recorded. */
  readonly reservation: UsageReservation | undefined;
}

/**
 * Admits a request: first at the gate of the endpoint's load, which may lower its maximum, then at the limits of its key. Of a route,
 * the gate admits it to the first model, and the reservation is for all models.
 *
 * @param timeoutMs maximum duration of the request.
 * @param further maximum tokens of the models of a route after the first, over all samples. @default 0
 * @throws {ApiError} 429 or 503 with Retry-After if either refuses it.
 */
export async function admitRequest(
  request: GenerationRequest,
  prepared: PreparedRequest,
  timeoutMs: number,
  dependencies: AppDependencies,
  context: GenerationContext,
  further = 0,
): Promise<AdmittedGeneration> {
  const runs = runsOf(request, request.route?.settings);
  const maxWaitSeconds = longestWait(request, prepared, timeoutMs);
  const admission = await passGate(request, prepared, { runs, maxWaitSeconds }, dependencies, context);
  const { limits, shrunk } = toGrantedLimits(prepared, admission?.report.granted);
  const promptTokens = givenIds({ ...prepared, limits }).length;
  try {
    const reservation = await dependencies.ledger?.admit(context.caller, {
      requestId: context.requestId,
      model: request.model.settings.id,
      tokens: promptTokens + maxBilledTokens(limits, request, prepared) * runs + further,
      leaseSeconds: Math.ceil(timeoutMs / 1_000) + LEASE_MARGIN_SECONDS,
      ...(context.work === undefined ? {} : { work: context.work }),
    });
    return { limits, shrunk, promptTokens, admission, reservation };
  } catch (error) {
    await admission?.admitted.withdraw().catch((failure: unknown) => {
      dependencies.log('error', 'load lease not released', loggableError(failure));
    });
    throw error;
  }
}

/**
 * Admits one sample to a further model of a route, at the gate of that model's load. It never waits for a first copy, but wakes the
 * endpoint. The request's reservation covers its tokens.
 *
 * @param runs number of times that the model runs for the sample
 * @throws {ApiError} 429 or 503 if the gate refuses it.
 */
export async function admitFurther(
  request: GenerationRequest,
  prepared: PreparedRequest,
  runs: number,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<AdmittedGeneration> {
  const admission = await passGate(request, prepared, { runs, maxWaitSeconds: 0 }, dependencies, context);
  const { limits, shrunk } = toGrantedLimits(prepared, admission?.report.granted);
  const promptTokens = givenIds({ ...prepared, limits }).length;
  return { limits, shrunk, promptTokens, admission, reservation: undefined };
}

/**
 * Admits a request that goes on, with the limits that were granted before, at the gate of the load.
 *
 * @throws {ApiError} 429 or 503 with Retry-After if the gate refuses it.
 */
export async function readmitRequest(
  request: GenerationRequest,
  prepared: PreparedRequest,
  timeoutMs: number,
  dependencies: AppDependencies,
  context: GenerationContext,
): Promise<Admission | undefined> {
  const maxWaitSeconds = longestWait(request, prepared, timeoutMs);
  const fixed = { ...request, thinking: { ...request.thinking, elastic: { allowed: false, floorTokens: undefined } } };
  return await passGate(fixed, prepared, { runs: 1, maxWaitSeconds }, dependencies, context);
}

/** Number of times that a model runs for all samples of a request: each sample several times if its answers must agree. */
export function runsOf({ samples }: { readonly samples: number }, route: RouteSettings | undefined): number {
  return samples * (route?.escalate.disagree ?? 1);
}

/** Maximum tokens of a request to one model: its prompt once, and thinking, answer and probes of each run. */
export function maxTokensOf(request: GenerationRequest, prepared: PreparedRequest, runs: number): number {
  return givenIds(prepared).length + maxBilledTokens(prepared.limits, request, prepared) * runs;
}

/** Longest wait for a first copy that leaves time for the answer and the minimum of thinking, in seconds. */
function longestWait({ model }: GenerationRequest, { limits }: PreparedRequest, timeoutMs: number): number {
  return (timeoutMs - neededMs(limits, timeoutMs, toMsPerToken(model.settings.zeroCopies))) / 1_000;
}

async function passGate(
  request: GenerationRequest,
  prepared: PreparedRequest,
  { runs, maxWaitSeconds }: { readonly runs: number; readonly maxWaitSeconds: number },
  { loads, log }: AppDependencies,
  { requestId, caller, batch }: GenerationContext,
): Promise<Admission | undefined> {
  const { limits } = prepared;
  const { elastic } = request.thinking;
  return await loads
    ?.get(request.model.settings.id)
    ?.gate.admit({
      requestId,
      key: caller.id,
      promptTokens: lengthOf(prepared) + prepared.passageTokens * runs,
      minTokens: limits.minTokens,
      maxTokens: limits.maxTokens,
      answerTokens: Math.max(0, maxCompletionTokens(limits, request, prepared) - limits.maxTokens),
      samples: runs,
      elastic: elastic?.allowed,
      keyElastic: caller.limits.elastic,
      floorTokens: elastic?.floorTokens,
      maxWaitSeconds,
      batch,
    })
    .catch((error: unknown) => failOpen(error, log));
}

function toMsPerToken(zeroCopies: ZeroCopiesSettings | undefined): number | undefined {
  return zeroCopies?.secondsPerToken === undefined ? undefined : zeroCopies.secondsPerToken * 1_000;
}

/** Rethrows refusals. If the load state is unavailable, the request runs without a lease. */
function failOpen(error: unknown, log: Log): undefined {
  if (error instanceof ApiError) throw error;
  log('error', 'load state unavailable', loggableError(error));
}

/** The limits, lowered to the thinking tokens that the load grants. */
function toGrantedLimits(
  { limits, shrunk }: PreparedRequest,
  granted = Number.POSITIVE_INFINITY,
): { readonly limits: Limits; readonly shrunk: readonly Shrink[] } {
  if (granted >= limits.maxTokens) return { limits, shrunk };
  return {
    limits: { ...limits, maxTokens: granted },
    shrunk: [...shrunk, { limit: 'max_tokens', from: limits.maxTokens, to: granted, because: 'load' }],
  };
}

/** Maximum tokens of one sample that the limits of a key count: thinking, answer, probes, and passages in the thought. */
function maxBilledTokens(limits: Limits, request: GenerationRequest, prepared: PreparedRequest): number {
  const probeTokens = request.probes === true ? maxProbeTokens(limits.minTokens, limits.maxTokens) : 0;
  return maxCompletionTokens(limits, request, prepared) + probeTokens + prepared.passageTokens;
}

/** Maximum of thinking and answer tokens of one sample. */
function maxCompletionTokens(
  limits: Limits,
  { requested, model }: GenerationRequest,
  prepared: PreparedRequest,
): number {
  return Math.min(
    limits.maxTokens + limits.maxAnswerTokens,
    requested.maxCompletionTokens ?? Number.POSITIVE_INFINITY,
    model.settings.contextTokens - lengthOf(prepared),
  );
}

/** Tokens of the conversation and of the given beginning of the output. */
function lengthOf({ promptIds, prefix }: PreparedRequest): number {
  return promptIds.length + (prefix?.ids.length ?? 0);
}
