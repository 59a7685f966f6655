import type { Demand } from './demand.ts';
import { type DesiredCopies, desiredCopies, type ScalingSettings } from './desired-copies.ts';
import type { CopyCapacity, Load } from './load.ts';

/** Desired copies of the scale-in window. */
export interface DesiredHistory {
  /** Time of the first decision, in seconds. */
  readonly since: number;
  /** Candidates for the maximum of the window, the latest last, so in descending order of copies. */
  readonly peaks: readonly { readonly at: number; readonly copies: number }[];
}

export interface ScalingDecision {
  /** Target number of copies. Scale-out applies immediately, scale-in after the window. */
  readonly copies: number;
  readonly desiredNow: DesiredCopies;
  /** Copies to add to those that run or start: the metric of the scale-out step policy. */
  readonly missing: number;
  /** Copies to remove: the metric of the scale-in step policy. */
  readonly spare: number;
  /** One sentence for the operator. */
  readonly reason: string;
  /** Input of the next decision. */
  readonly history: DesiredHistory;
}

/**
 * A scaling policy: decides how many copies run. Pure: the same input gives the same decision, live and in the simulator. Its memory
 * is the history of its previous decision. Policies are registered in `scaling-policies.ts`.
 *
 * @param history of the previous decision; `undefined` for the first one
 * @param now a monotonic clock, in seconds
 */
export type ScalingPolicy = (
  demand: Demand,
  load: Load,
  capacity: CopyCapacity,
  settings: ScalingSettings,
  history: DesiredHistory | undefined,
  now: number,
) => ScalingDecision;

/**
 * The policy `demand`. Scales out immediately. Scales in only if fewer copies were desired during all of
 * `scaleInAfterSeconds`, so that a gap between two bursts costs no copy start.
 */
export function scalingDecision(
  demand: Demand,
  load: Load,
  capacity: CopyCapacity,
  settings: ScalingSettings,
  history: DesiredHistory | undefined,
  now: number,
): ScalingDecision {
  const desiredNow = desiredCopies(demand, load, capacity, settings);
  const next = remember(history, now, desiredNow.copies, settings.scaleInAfterSeconds);
  const current = load.copies + load.startingCopies;
  // Until the window is full, its maximum is unknown: keep the current copies.
  const known = now - next.since >= settings.scaleInAfterSeconds;
  const windowMax = known ? (next.peaks[0]?.copies ?? desiredNow.copies) : current;
  const copies = Math.min(settings.maxCopies, Math.max(desiredNow.copies, Math.min(current, windowMax)));
  return {
    copies,
    desiredNow,
    missing: Math.max(0, copies - current),
    spare: Math.max(0, current - copies),
    reason: reasonOf(demand, load, desiredNow, copies, current, settings),
    history: next,
  };
}

/** Adds an entry to the history. Drops entries older than the window, and entries that the new one equals or exceeds. */
function remember(
  history: DesiredHistory | undefined,
  now: number,
  copies: number,
  windowSeconds: number,
): DesiredHistory {
  const kept = (history?.peaks ?? []).filter((peak) => peak.at > now - windowSeconds && peak.copies > copies);
  return { since: history?.since ?? now, peaks: [...kept, { at: now, copies }] };
}

function reasonOf(
  demand: Demand,
  load: Load,
  { copies: desired, because }: DesiredCopies,
  copies: number,
  current: number,
  { minCopies, maxCopies, scaleInAfterSeconds }: ScalingSettings,
): string {
  const what = {
    demand: `A demand of ${Math.round(demand.tokensPerSecond)} tokens/s needs ${copiesText(desired)}`,
    cache: `${load.requests} requests with ${Math.round(load.reservedTokens)} reserved tokens need ${copiesText(desired)}`,
    minimum: `The minimum of ${copiesText(minCopies)} is enough`,
    maximum: `The maximum of ${copiesText(maxCopies)} is not enough`,
  }[because];
  if (copies > current) return `${what}: adding ${copies - current} to the current ${current}.`;
  if (copies < current)
    return `${what}, and no more were needed for ${scaleInAfterSeconds} s: removing ${current - copies} of ${current}.`;
  if (desired < current)
    return `${what}, but more were needed within the last ${scaleInAfterSeconds} s: keeping ${current}.`;
  return `${what}: keeping ${current}.`;
}

function copiesText(copies: number): string {
  return `${copies} ${copies === 1 ? 'copy' : 'copies'}`;
}
