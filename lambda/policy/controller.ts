import { type AdmissionDecision, type AdmissionSettings, admission } from './admission.ts';
import { type CachedPrompts, cachedShare, learnCached, noPrompts } from './cached-prompts.ts';
import type { Held } from './committed-tokens.ts';
import { type Demand, measureDemand, noDemand } from './demand.ts';
import type { ScalingSettings } from './desired-copies.ts';
import { type ElasticSettings, elasticGrant, type KeyLoad } from './elastic-grant.ts';
import { type ExpectedUse, expectedTokens, learnUse, unknownUse } from './expected-use.ts';
import { type CopyCapacity, type Load, pressureOf } from './load.ts';
import type { Freed } from './load-account.ts';
import { learnSpeed, promptSpeed, type SpeedFit, speedAt, speedOfProfile } from './measured-speed.ts';
import { learnSizes, noSizes, type RequestSizes, tokenMeanSize } from './request-sizes.ts';
import type { DesiredHistory, ScalingDecision } from './scaling-decision.ts';
import { type ScalingPolicyName, scalingPolicies } from './scaling-policies.ts';
import { workOf } from './work.ts';

/** What the controller has learned. It can be written as JSON: the live API keeps it in the table, the simulator in memory. */
export interface ControllerState {
  /** Use of limits, by their size. */
  readonly use: ExpectedUse;
  readonly speed: SpeedFit;
  /** Decode throughput of a full copy, by `speed`. */
  readonly tokensPerSecond: number;
  /** Prompts of the last requests, and what a cache held of them. */
  readonly cached: CachedPrompts;
  readonly sizes: RequestSizes;
  readonly demand: Demand;
  /** Memory of the scaling policy. */
  readonly history?: DesiredHistory | undefined;
  /** Used tokens of the requests that were running at the last step. */
  readonly usedTokens: number;
  /** Prompts of those of them that had a token. */
  readonly startedPromptTokens: number;
  /** Copies that took requests at the last step. */
  readonly copies: { readonly running: number };
}

/** What happened since the last step, and what runs now. Tokens are over all samples of a request. */
export interface Observation {
  /** A monotonic clock, in seconds. */
  readonly now: number;
  /** Since the last step, in seconds. 0 for the first step, which measures neither demand nor speed. */
  readonly seconds: number;
  /** All requests that arrived, refused ones included, with the limits that they asked for. */
  readonly arrived: readonly {
    readonly promptTokens: number;
    readonly limitTokens: number;
    readonly minTokens: number;
  }[];
  /** Requests that ended, with the limit in force and their output. */
  readonly ended: readonly {
    readonly promptTokens: number;
    /** Prompt tokens that a cache held. If omitted, the server did not report them. */
    readonly cachedTokens?: number | undefined;
    readonly limitTokens: number;
    readonly usedTokens: number;
  }[];
  /** The running requests and the copies. */
  readonly load: Load;
  /** Output of the running requests so far. */
  readonly usedTokens: number;
}

/** Settings of a step. */
export interface ControllerSettings {
  readonly scalingPolicy: ScalingPolicyName;
  readonly scaling: ScalingSettings;
  readonly admission: AdmissionSettings;
}

export interface Step {
  readonly state: ControllerState;
  readonly decision: ScalingDecision;
  readonly capacity: CopyCapacity;
  /** At the end of the step. `Infinity` without a copy. */
  readonly pressure: number;
  /** Work that arrived per second, in seconds of a full copy. Not smoothed. */
  readonly arrivedCopies: number;
}

/** Capacity of a copy that does not change. */
export type CopyPlaces = Pick<CopyCapacity, 'cacheTokens' | 'maxRequests'>;

/** State before the first step. The speed is that of a profile until it is measured. */
export function newControllerState(profile: {
  /** Decode step with one request, in seconds. */
  readonly stepSeconds: number;
  /** Requests of a full copy, and its decode step in seconds. */
  readonly fullRequests: number;
  readonly fullStepSeconds: number;
}): ControllerState {
  const full = { requests: profile.fullRequests, stepSeconds: profile.fullStepSeconds };
  return {
    use: unknownUse(),
    speed: speedOfProfile(profile.stepSeconds, full, PROMPT_TOKENS_PER_STEP / profile.stepSeconds),
    tokensPerSecond: full.requests / full.stepSeconds,
    cached: noPrompts,
    sizes: noSizes,
    demand: noDemand,
    usedTokens: 0,
    startedPromptTokens: 0,
    copies: { running: 0 },
  };
}

/**
 * Prompt tokens that a copy computes in the time in which it reads its weights once: half of the arithmetic per byte of an H100, and within
 * a factor of two of that of the other GPUs in lib/facts. Only until the prefill speed is measured.
 */
const PROMPT_TOKENS_PER_STEP = 256;

/** Capacity of one copy, with its measured speeds. */
export function capacityOf(
  { cacheTokens, maxRequests }: CopyPlaces,
  { tokensPerSecond, speed, cached, sizes }: Pick<ControllerState, 'tokensPerSecond' | 'speed' | 'cached' | 'sizes'>,
): CopyCapacity {
  return {
    cacheTokens,
    maxRequests,
    tokensPerSecond,
    // Cached tokens cost nothing: a copy takes in prompts faster than it computes them.
    promptTokensPerSecond: promptSpeed(speed) / (1 - cachedShare(cached)),
    requestTokens: tokenMeanSize(sizes),
  };
}

/** One step: learns use, speed and demand from the observation, then asks the scaling policy for the number of copies. */
export function step(
  before: ControllerState,
  { now, seconds, arrived, ended, load, usedTokens }: Observation,
  places: CopyPlaces,
  { scalingPolicy, scaling, admission: { fullAt } }: ControllerSettings,
): Step {
  const use = learnUse(before.use, ended);
  const cached = learnCached(before.cached, ended);
  const sizes = learnSizes(before.sizes, ended);
  const outputTokens = arrived.reduce((sum, one) => sum + expectedTokens(use, one.limitTokens, one.minTokens), 0);
  const arrivedWork = { promptTokens: sumOf(arrived, 'promptTokens'), outputTokens };
  const tokens = Math.max(0, usedTokens + sumOf(ended, 'usedTokens') - before.usedTokens);
  const startedPromptTokens = load.promptTokens - load.waitingPromptTokens;
  const started = ended.filter((one) => one.usedTokens > 0);
  const prompts = Math.max(0, startedPromptTokens + sumOf(started, 'promptTokens') - before.startedPromptTokens);
  const measured = { tokens, promptTokens: prompts * (1 - cachedShare(cached)), seconds };
  const { speed, tokensPerSecond } = speedAfter(before, load, measured, places, fullAt);
  const capacity = capacityOf(places, { tokensPerSecond, speed, cached, sizes });
  const demand = measureDemand(before.demand, { ...arrivedWork, seconds }, load, scaling.smoothingSeconds);
  const decision = scalingPolicies[scalingPolicy](demand, load, capacity, scaling, before.history, now);
  return {
    state: {
      use,
      speed,
      tokensPerSecond,
      cached,
      sizes,
      demand,
      history: decision.history,
      usedTokens,
      startedPromptTokens,
      copies: { running: load.copies },
    },
    decision,
    capacity,
    pressure: pressureOf(load, capacity),
    arrivedCopies: seconds > 0 ? workOf(arrivedWork, capacity) / seconds : 0,
  };
}

function sumOf<Name extends string>(of: readonly { readonly [key in Name]: number }[], name: Name): number {
  return of.reduce((sum, one) => sum + one[name], 0);
}

/** Skips measurements while requests queue: a queued request generates no tokens. */
function speedAfter(
  before: ControllerState,
  load: Load,
  {
    tokens,
    promptTokens,
    seconds,
  }: { readonly tokens: number; readonly promptTokens: number; readonly seconds: number },
  places: CopyPlaces,
  fullAt: number,
): Pick<ControllerState, 'speed' | 'tokensPerSecond'> {
  const pressure = pressureOf(load, capacityOf(places, before));
  if (seconds <= 0 || pressure <= 0 || pressure > fullAt) return before;
  const requestsPerCopy = load.requests / Math.max(1, load.copies);
  // A prompt that is being computed generates nothing.
  const decodingPerCopy = (load.requests - load.waitingRequests) / Math.max(1, load.copies);
  const copySeconds = before.copies.running * seconds;
  const speed = learnSpeed(before.speed, { tokens, promptTokens, copySeconds, requestsPerCopy: decodingPerCopy });
  return { speed, tokensPerSecond: speedAt(speed, (requestsPerCopy * fullAt) / pressure) };
}

/** Decision about an arriving request. */
export type RequestDecision =
  | Extract<AdmissionDecision, { readonly kind: 'refuse' }>
  | {
      readonly kind: 'admit';
      /** Maximum of the thinking, in tokens per sample. */
      readonly grantedTokens: number;
      /** 0 if the request starts immediately. */
      readonly expectedWaitSeconds: number;
    };

/**
 * Decides whether an arriving request is admitted, and with which maximum.
 *
 * @param request floor and requested maximum of the thinking, in tokens per sample
 * @param seen the load without this request, and the seconds until the starting copies take requests
 * @param settings if `admission` is omitted, every request is admitted; if `elastic` is omitted, none shrinks
 */
export function decideRequest(
  request: { readonly elastic: boolean; readonly floorTokens: number; readonly ceilingTokens: number },
  seen: {
    readonly load: Load;
    readonly capacity: CopyCapacity;
    readonly key: KeyLoad;
    readonly startsInSeconds: number;
  },
  settings: {
    readonly admission?: AdmissionSettings | undefined;
    readonly elastic?: ElasticSettings | undefined;
  },
): RequestDecision {
  const { load, capacity, key, startsInSeconds } = seen;
  let expectedWaitSeconds = 0;
  if (settings.admission !== undefined) {
    const decision = admission(load, capacity, key, settings.admission, startsInSeconds);
    if (decision.kind === 'refuse') return decision;
    if (decision.kind === 'queue') expectedWaitSeconds = decision.expectedWaitSeconds;
  }
  const shrinks = settings.elastic !== undefined && request.elastic;
  const grantedTokens = shrinks ? elasticGrant(request, load, capacity, key, settings.elastic) : request.ceilingTokens;
  return { kind: 'admit', grantedTokens, expectedWaitSeconds };
}

/** Event that gives back tokens of a running request. */
export type Release =
  /** The request is over, with this output. */
  | { readonly kind: 'ended'; readonly usedTokens: number }
  /** Its thinking ends early. `usedTokens`: output so far; `limitTokens`: maximum of thinking and answer from now on. */
  | { readonly kind: 'cut'; readonly usedTokens: number; readonly limitTokens: number };

/**
 * Tokens that a request gives back. An ended request gives back all that it holds. A cut thought gives back the rest of its limit.
 * Its reservation falls to the expected use of the new limit, but never below the tokens that already exist.
 */
export function release(held: Held, event: Release, use: ExpectedUse): Freed {
  switch (event.kind) {
    case 'ended': {
      const { limitTokens, reservedTokens, promptTokens } = held;
      const committed = Math.max(0, limitTokens - event.usedTokens);
      return { requests: 1, promptTokens, reservedTokens, committedTokens: committed, limitTokens };
    }
    case 'cut': {
      const limitTokens = Math.min(held.limitTokens, event.limitTokens);
      const output = Math.max(event.usedTokens, expectedTokens(use, limitTokens, held.minTokens));
      const less = held.limitTokens - limitTokens;
      const reserved = Math.max(0, held.reservedTokens - held.promptTokens - Math.round(output));
      return { requests: 0, promptTokens: 0, reservedTokens: reserved, committedTokens: less, limitTokens: less };
    }
  }
}
