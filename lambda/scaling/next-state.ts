import { loadOfLeases } from '../policy/committed-tokens.ts';
import { measureDemand } from '../policy/demand.ts';
import { type ExpectedUse, expectedTokens, learnUse } from '../policy/expected-use.ts';
import { type CopyCapacity, type Load, pressureOf } from '../policy/load.ts';
import { learnSpeed, speedAt } from '../policy/measured-speed.ts';
import { type ScalingDecision, scalingDecision } from '../policy/scaling-decision.ts';
import { type ModelScalingSettings, type PolicyInForce, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import type { CopiesSeen } from './copy-control.ts';
import { isRunning, type LoadLease } from './lease-store.ts';
import type { ScalingMetrics } from './scaling-metrics.ts';
import type { CopiesState, ScalingState } from './scaling-state.ts';

/** Delay after which arrivals and ends are counted, in seconds, so that their writes have reached the table. */
const SETTLE_SECONDS = 2;
const DECISIONS_KEPT = 20;

export interface Tick {
  readonly state: ScalingState;
  readonly decision: ScalingDecision;
  readonly metrics: ScalingMetrics;
  /** Ids of leases to delete: counted or expired. */
  readonly done: readonly string[];
}

/**
 * Computes one tick: arrivals, usage and speed since the last one, and the scaling decision that follows. Each request counts as
 * arrived in exactly one tick and as ended in exactly one tick.
 */
export function nextState(
  before: ScalingState,
  leases: readonly LoadLease[],
  seen: CopiesSeen,
  policy: PolicyInForce,
  settings: ModelScalingSettings,
  { now, paused }: { readonly now: number; readonly paused: boolean },
): Tick {
  const to = now - SETTLE_SECONDS;
  const from = before.at === 0 ? Number.NEGATIVE_INFINITY : before.at - SETTLE_SECONDS;
  const seconds = before.at === 0 ? 0 : now - before.at;
  const within = (at: number | undefined) => at !== undefined && at > from && at <= to;
  // Requests that a paused endpoint refuses are not demand.
  const arrived = leases.filter(({ cameAt, refused }) => within(cameAt) && !(paused && refused === true));
  const ended = leases.filter(({ endedAt, refused }) => refused !== true && within(endedAt));
  const running = leases.filter((lease) => isRunning(lease, now));

  // A request without a token (the model failed, or the client disconnected) says nothing about usage.
  const use = ended
    .filter(({ usedTokens }) => usedTokens > 0)
    .reduce<ExpectedUse>((known, { limitTokens, usedTokens }) => learnUse(known, limitTokens, usedTokens), before.use);
  const arrivedTokens = sum(arrived, ({ wantedThinking, answerTokens, minTokens }) =>
    expectedTokens(use, wantedThinking + answerTokens, minTokens),
  );
  const copies = copiesAfter(before.copies, seen, now);
  const started = copies.running > before.copies.running ? before.copies.startingSince : undefined;
  const { load } = loadOfLeases(running, { now, use, copies: copies.running, startingCopies: copies.starting });

  const usedTokens = sum(running, (lease) => lease.usedTokens);
  const tokens = Math.max(0, usedTokens + sum(ended, (lease) => lease.usedTokens) - before.usedTokens);
  const { speed, tokensPerSecond } = speedAfter(before, load, { tokens, seconds }, settings, policy.admission.fullAt);
  const capacity = capacityOf(settings, { tokensPerSecond });
  const demand = measureDemand(before.demand, { tokens: arrivedTokens, seconds }, policy.scaling.smoothingSeconds);
  const decision = scalingDecision(demand, load, capacity, policy.scaling, before.history, now);
  const failed = failureAfter(before, copies, now);
  const state: ScalingState = {
    at: now,
    demand,
    history: { since: decision.history.since, peaks: [...decision.history.peaks] },
    use: [...use],
    speed,
    tokensPerSecond,
    usedTokens,
    copies,
    startSeconds: started === undefined ? before.startSeconds : startAfter(before.startSeconds, now - started),
    ...(before.wokenAt !== undefined && copies.running === 0 ? { wokenAt: before.wokenAt } : {}),
    ...(failed === undefined ? {} : { failed }),
    // A paused endpoint decides nothing.
    decisions: paused ? before.decisions : decisionsAfter(before.decisions, decision, load, now),
    seen: {
      requests: load.requests,
      reservedTokens: load.reservedTokens,
      committedTokens: load.committedTokens,
      // JSON cannot represent Infinity.
      pressure: Math.min(MAX_PRESSURE, pressureOf(load, capacity)),
      wantedThinking: sum(running, (lease) => lease.wantedThinking),
      grantedThinking: sum(running, (lease) => lease.grantedThinking),
    },
  };
  return {
    state,
    decision,
    metrics: {
      CommittedTokensPerCopy: load.committedTokens / Math.max(1, load.copies),
      MissingCopies: paused ? 0 : decision.missing,
      SpareCopies: paused ? 0 : decision.spare,
      WantedCopies: decision.desiredNow.copies,
      RunningCopies: copies.running,
    },
    done: leases
      .filter((lease) => (lease.endedAt === undefined ? lease.until <= now : lease.endedAt <= to))
      .map(({ requestId }) => requestId),
  };
}

const MAX_PRESSURE = 1_000;

/** Capacity of one copy, with its measured speed. */
export function capacityOf(
  { cacheTokens, maxRequests }: Pick<ModelScalingSettings, 'cacheTokens' | 'maxRequests'>,
  { tokensPerSecond }: Pick<ScalingState, 'tokensPerSecond'>,
): CopyCapacity {
  return { cacheTokens, maxRequests, tokensPerSecond };
}

/** Adds a decision to the log, the latest first. Skips one that repeats the last. */
function decisionsAfter(
  before: ScalingState['decisions'],
  { copies, reason }: ScalingDecision,
  load: Load,
  now: number,
): ScalingState['decisions'] {
  const next = { at: now, have: load.copies + load.startingCopies, want: copies, reason };
  const [last] = before;
  if (last !== undefined && last.have === next.have && last.want === next.want) return before;
  return [next, ...before].slice(0, DECISIONS_KEPT);
}

function copiesAfter(before: CopiesState, { current, desired, failure }: CopiesSeen, now: number): CopiesState {
  const starting = Math.max(0, desired - current);
  const goesOn = before.starting > 0 && current <= before.running;
  return {
    running: current,
    starting,
    ...(starting === 0 ? {} : { startingSince: goesOn ? (before.startingSince ?? now) : now }),
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Failure of a requested copy, with the time of its detection. Cleared when a copy runs. */
function failureAfter(
  { failed, wokenAt }: ScalingState,
  { running, failure }: CopiesState,
  now: number,
): ScalingState['failed'] {
  if (running > 0) return undefined;
  if (failure === undefined) return failed;
  if (failed?.why !== failure) return { at: now, why: failure };
  // SageMaker may still report the previous failure for a while after the next wake.
  if (wokenAt === undefined || wokenAt <= failed.at || now - wokenAt < RETRY_WAKE_SECONDS) return failed;
  return { at: now, why: failure };
}

/** Start time estimate: a longer start counts immediately, a shorter one gradually. */
function startAfter(before: number, measured: number): number {
  return Math.max(measured, before * 0.7 + measured * 0.3);
}

/** Skips measurements while requests queue, as the simulator does: a queued request generates no tokens. */
function speedAfter(
  before: ScalingState,
  load: Load,
  { tokens, seconds }: { readonly tokens: number; readonly seconds: number },
  settings: ModelScalingSettings,
  fullAt: number,
): Pick<ScalingState, 'speed' | 'tokensPerSecond'> {
  const pressure = pressureOf(load, capacityOf(settings, before));
  if (seconds <= 0 || pressure <= 0 || pressure > fullAt) return before;
  const requestsPerCopy = load.requests / Math.max(1, load.copies);
  const copySeconds = before.copies.running * seconds;
  const speed = learnSpeed(before.speed, { tokens, copySeconds, requestsPerCopy });
  return { speed, tokensPerSecond: speedAt(speed, (requestsPerCopy * fullAt) / pressure) };
}

function sum(leases: readonly LoadLease[], of: (lease: LoadLease) => number): number {
  return leases.reduce((total, lease) => total + of(lease), 0);
}
