import { loadOfLeases } from '../policy/committed-tokens.ts';
import { measureDemand } from '../policy/demand.ts';
import { type ExpectedUse, expectedTokens, learnUse } from '../policy/expected-use.ts';
import { type CopyCapacity, type Load, pressureOf } from '../policy/load.ts';
import { learnSpeed, speedAt } from '../policy/measured-speed.ts';
import { type ScalingDecision, scalingDecision } from '../policy/scaling-decision.ts';
import { type ModelScalingSettings, type PolicyInForce, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import type { CopiesSeen } from './copy-control.ts';
import { isUnderWay, type LoadLease } from './lease-store.ts';
import type { ScalingMetrics } from './scaling-metrics.ts';
import type { CopiesState, ScalingState } from './scaling-state.ts';

/** What is written later than this after it happened counts a tick later. Seconds. */
const SETTLE_SECONDS = 2;
const DECISIONS_KEPT = 20;

export interface Tick {
  readonly state: ScalingState;
  readonly decision: ScalingDecision;
  readonly metrics: ScalingMetrics;
  /** Requests whose items have been counted, or whose functions died. */
  readonly done: readonly string[];
}

/**
 * One look at everything: what came, what was used, how fast, and what follows for the copies. Each request counts in exactly one tick as
 * come and in one as ended.
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
  // Who is turned away from an endpoint that its operator paused asks for no copies.
  const came = leases.filter(({ cameAt, refused }) => within(cameAt) && !(paused && refused === true));
  const ended = leases.filter(({ endedAt, refused }) => refused !== true && within(endedAt));
  const underWay = leases.filter((lease) => isUnderWay(lease, now));

  // Who got no token, since the model failed or the client left, says nothing of what requests use.
  const use = ended
    .filter(({ usedTokens }) => usedTokens > 0)
    .reduce<ExpectedUse>((known, { limitTokens, usedTokens }) => learnUse(known, limitTokens, usedTokens), before.use);
  const askedTokens = came.reduce(
    (sum, { wantedThinking, answerTokens, minTokens }) =>
      sum + expectedTokens(use, wantedThinking + answerTokens, minTokens),
    0,
  );
  const copies = copiesAfter(before.copies, seen, now);
  const started = copies.running > before.copies.running ? before.copies.startingSince : undefined;
  const { load } = loadOfLeases(underWay, { now, use, copies: copies.running, startingCopies: copies.starting });

  const usedTokens = sum(underWay, (lease) => lease.usedTokens);
  const tokens = Math.max(0, usedTokens + sum(ended, (lease) => lease.usedTokens) - before.usedTokens);
  const { speed, tokensPerSecond } = speedAfter(before, load, { tokens, seconds }, settings, policy.admission.fullAt);
  const capacity = capacityOf(settings, { tokensPerSecond });
  const demand = measureDemand(before.demand, { tokens: askedTokens, seconds }, policy.scaling.smoothingSeconds);
  const decision = scalingDecision(demand, load, capacity, policy.scaling, before.history, now);
  const have = load.copies + load.startingCopies;
  const recorded = { at: now, have, want: decision.copies, reason: decision.reason };
  const [last] = before.decisions;
  // While it is paused nothing is decided.
  const same = paused || (last !== undefined && last.have === recorded.have && last.want === recorded.want);
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
    decisions: same ? before.decisions : [recorded, ...before.decisions].slice(0, DECISIONS_KEPT),
    seen: {
      requests: load.requests,
      reservedTokens: load.reservedTokens,
      committedTokens: load.committedTokens,
      // JSON has no Infinity.
      pressure: Math.min(MAX_PRESSURE, pressureOf(load, capacity)),
      wantedThinking: sum(underWay, (lease) => lease.wantedThinking),
      grantedThinking: sum(underWay, (lease) => lease.grantedThinking),
    },
  };
  return {
    state,
    decision,
    metrics: {
      CommittedTokensPerCopy: load.committedTokens / Math.max(1, load.copies),
      MissingCopies: paused ? 0 : decision.missing,
      SpareCopies: paused ? 0 : decision.spare,
      WantedCopies: decision.wantedNow.copies,
      RunningCopies: copies.running,
    },
    done: leases
      .filter((lease) => (lease.endedAt === undefined ? lease.until <= now : lease.endedAt <= to))
      .map(({ requestId }) => requestId),
  };
}

const MAX_PRESSURE = 1_000;

/** What one copy can do, with its speed as measured. */
export function capacityOf(
  { cacheTokens, maxRequests }: Pick<ModelScalingSettings, 'cacheTokens' | 'maxRequests'>,
  { tokensPerSecond }: Pick<ScalingState, 'tokensPerSecond'>,
): CopyCapacity {
  return { cacheTokens, maxRequests, tokensPerSecond };
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

/** A failure of a copy that is asked for, since when it is known. Gone once a copy runs. */
function failureAfter(
  { failed, wokenAt }: ScalingState,
  { running, failure }: CopiesState,
  now: number,
): ScalingState['failed'] {
  if (running > 0) return undefined;
  if (failure === undefined) return failed;
  if (failed?.why !== failure) return { at: now, why: failure };
  // The text of the failure before may stay for a while after the next wake.
  if (wokenAt === undefined || wokenAt <= failed.at || now - wokenAt < RETRY_WAKE_SECONDS) return failed;
  return { at: now, why: failure };
}

/** The longest of the last starts: a longer one counts at once, a shorter one by and by. */
function startAfter(before: number, measured: number): number {
  return Math.max(measured, before * 0.7 + measured * 0.3);
}

/** Looks at copies whose requests wait are left out, as in the simulator: who waits gets no token. */
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
