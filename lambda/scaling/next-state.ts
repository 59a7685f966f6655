import { step } from '../policy/controller.ts';
import type { Load } from '../policy/load.ts';
import { accountOfLeases } from '../policy/load-account.ts';
import type { ScalingDecision } from '../policy/scaling-decision.ts';
import { type ModelScalingSettings, type PolicyInForce, RETRY_WAKE_SECONDS } from '../settings/policy-settings.ts';
import type { CopiesSeen } from './copy-control.ts';
import { isRunning, type LoadLease } from './lease-store.ts';
import type { ScalingMetrics } from './scaling-metrics.ts';
import type { CopiesState, ScalingState, SettledState } from './scaling-state.ts';
import { periodOf, SETTLE_SECONDS, settle } from './settled-load.ts';
import { shardsAfter } from './shards.ts';

const DECISIONS_KEPT = 20;

export interface Tick {
  readonly state: SettledState;
  readonly decision: ScalingDecision;
  readonly metrics: ScalingMetrics;
  /** Leases to delete: counted or expired. */
  readonly done: readonly LoadLease[];
}

/**
 * Computes one tick: makes an observation of the leases and of SageMaker's copies for the controller's step, and adds what only a
 * deployed endpoint has: starts, failures, the log of decisions, the metrics. Each request counts as arrived in exactly one tick and
 * as ended in exactly one tick.
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
  const within = (at: number | undefined) => at !== undefined && at > from && at <= to;
  const running = leases.filter((lease) => isRunning(lease, now));
  const copies = copiesAfter(before.copies, seen, now);
  const account = accountOfLeases(running, { now, use: before.use });
  const load = account.load(copies.running, copies.starting);
  // Requests that a paused endpoint refuses are not demand.
  const arrived = leases.filter(({ cameAt, refused }) => within(cameAt) && !(paused && refused === true));
  const seconds = before.at === 0 ? 0 : now - before.at;
  const since = periodOf(to);
  const {
    state: learned,
    decision,
    pressure,
  } = step(
    before,
    {
      now,
      seconds,
      arrived: arrived.map(({ promptTokens, wantedThinking, answerTokens, minTokens }) => ({
        promptTokens,
        limitTokens: wantedThinking + answerTokens,
        minTokens,
      })),
      ended: leases.filter(({ endedAt, refused }) => refused !== true && within(endedAt)),
      load,
      usedTokens: account.usedTokens,
    },
    settings,
    policy,
  );
  const started = copies.running > before.copies.running ? before.copies.startingSince : undefined;
  const failed = failureAfter(before, copies, now);
  const state: SettledState = {
    ...learned,
    at: now,
    copies,
    // The load of a period is settled once: leases whose end is among its changes are deleted after that.
    settled: before.settled?.since === since ? before.settled : settle(leases, since, { now, use: before.use }),
    shards: shardsAfter(before.shards, {
      perSecond: seconds > 0 ? arrived.length / seconds : 0,
      running: running.length,
      spread: running.some(({ shard = 0 }) => shard > 0),
    }),
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
      pressure: Math.min(MAX_PRESSURE, pressure),
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
    done: leases.filter((lease) => (lease.endedAt === undefined ? lease.until <= now : lease.endedAt <= to)),
  };
}

const MAX_PRESSURE = 1_000;

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

function sum(leases: readonly LoadLease[], of: (lease: LoadLease) => number): number {
  return leases.reduce((total, lease) => total + of(lease), 0);
}
