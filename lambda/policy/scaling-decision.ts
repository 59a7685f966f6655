import type { Demand } from './demand.ts';
import type { CopyCapacity, Load } from './load.ts';
import { type ScalingSettings, type WantedCopies, wantedCopies } from './wanted-copies.ts';

/** What was wanted lately. */
export interface WantedHistory {
  /** The first decision. Seconds. */
  readonly since: number;
  /** The most recent last, only what can still be the most of its window: from high to low. */
  readonly peaks: readonly { readonly at: number; readonly copies: number }[];
}

export interface ScalingDecision {
  /** Copies to have: at once where more are wanted, after a rest where fewer are. */
  readonly copies: number;
  readonly wantedNow: WantedCopies;
  /** Copies to add to those that run or start. The metric that the step policy for more copies looks at. */
  readonly missing: number;
  /** Copies to take away. The metric that the step policy for fewer copies looks at. */
  readonly spare: number;
  /** One sentence for people. */
  readonly reason: string;
  /** To be handed to the next decision. */
  readonly history: WantedHistory;
}

/**
 * What to do about the number of copies. More are asked for at once; fewer only when fewer were wanted during all of
 * `scaleInAfterSeconds`, so a gap between two bursts costs no start.
 *
 * @param history that of the decision before; `undefined` for the first
 * @param now any clock that does not go back. Seconds
 */
export function scalingDecision(
  demand: Demand,
  load: Load,
  capacity: CopyCapacity,
  settings: ScalingSettings,
  history: WantedHistory | undefined,
  now: number,
): ScalingDecision {
  const wantedNow = wantedCopies(demand, load, capacity, settings);
  const next = remember(history, now, wantedNow.copies, settings.scaleInAfterSeconds);
  const have = load.copies + load.startingCopies;
  // Until the window is full nobody knows what was wanted in it: what runs stays.
  const known = now - next.since >= settings.scaleInAfterSeconds;
  const mostLately = known ? (next.peaks[0]?.copies ?? wantedNow.copies) : have;
  const copies = Math.min(settings.maxCopies, Math.max(wantedNow.copies, Math.min(have, mostLately)));
  return {
    copies,
    wantedNow,
    missing: Math.max(0, copies - have),
    spare: Math.max(0, have - copies),
    reason: reasonOf(demand, load, wantedNow, copies, have, settings),
    history: next,
  };
}

/** The history with one more entry. What is older than the window goes; so does what a later entry is at least as high as. */
function remember(
  history: WantedHistory | undefined,
  now: number,
  copies: number,
  windowSeconds: number,
): WantedHistory {
  const kept = (history?.peaks ?? []).filter((peak) => peak.at > now - windowSeconds && peak.copies > copies);
  return { since: history?.since ?? now, peaks: [...kept, { at: now, copies }] };
}

function reasonOf(
  demand: Demand,
  load: Load,
  { copies: wanted, because }: WantedCopies,
  copies: number,
  have: number,
  settings: ScalingSettings,
): string {
  const what = {
    demand: `${Math.round(demand.tokensPerSecond)} tokens a second are asked for, which want ${wanted} copies`,
    cache: `${load.requests} requests with ${Math.round(load.reservedTokens)} tokens want ${wanted} copies`,
    minimum: `the minimum of ${settings.minCopies} is enough`,
    maximum: `the maximum of ${settings.maxCopies} is not enough`,
  }[because];
  if (copies > have) return `${what}: ${copies - have} more than the ${have} there are.`;
  if (copies < have)
    return `${what}, and no more were wanted for ${settings.scaleInAfterSeconds} s: ${have - copies} fewer.`;
  if (wanted < have) return `${what}, but more were wanted within ${settings.scaleInAfterSeconds} s: ${have} stay.`;
  return `${what}: as many as there are.`;
}
