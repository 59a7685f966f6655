import type { Demand } from './demand.ts';
import type { CopyCapacity, Load } from './load.ts';

export interface ScalingSettings {
  /** Copies that always run. 0 lets the endpoint sleep. */
  readonly minCopies: number;
  readonly maxCopies: number;
  /** The part of the copies' measured speed that the demand may take. Above 0, at most 1. */
  readonly targetUtilization: number;
  /**
   * The most that the admitted requests may fill the copies, see `pressureOf`. Above 0. Below admission's `fullAt`: copies are
   * asked for before requests wait.
   */
  readonly mostPressure: number;
  /** Copies that share an instance. It is paid for as a whole, so it is filled. Minimum: 1. */
  readonly copiesPerInstance: number;
  /** Over which time demand is smoothed: about as long as a copy takes to start. Seconds. */
  readonly smoothingSeconds: number;
  /**
   * Copies are taken away when fewer were wanted for so long. Seconds. To stop an instance and to start it again costs its start
   * and its idle time, about 15 minutes of it, so a shorter rest saves nothing; an hour also keeps what comes back every hour. See
   * docs/decisions/0013-scaling-on-demand.md.
   */
  readonly scaleInAfterSeconds: number;
}

/** What demand may take of the copies' speed. Budgets that shrink take what comes above the mean, so less is kept free for it. */
export const utilizationWith = { exactBudgets: 0.7, elasticBudgets: 0.85 } as const;

export const defaultScaling: ScalingSettings = {
  minCopies: 1,
  maxCopies: 8,
  targetUtilization: utilizationWith.elasticBudgets,
  mostPressure: 1.2,
  copiesPerInstance: 1,
  smoothingSeconds: 600,
  scaleInAfterSeconds: 3_600,
};

/** How many copies are wanted now, and what says so. */
export interface WantedCopies {
  readonly copies: number;
  readonly because: 'demand' | 'cache' | 'minimum' | 'maximum';
}

/**
 * The least number of copies that gives the tokens that are asked for, and holds those that were admitted. It does not depend on
 * how many copies there are, so it can leave zero, and copies that are still starting are not asked for twice.
 */
export function wantedCopies(
  demand: Demand,
  load: Load,
  capacity: CopyCapacity,
  settings: ScalingSettings,
): WantedCopies {
  const { minCopies, maxCopies, copiesPerInstance } = settings;
  const byDemand = demand.tokensPerSecond / (capacity.tokensPerSecond * settings.targetUtilization);
  const byCache =
    Math.max(load.reservedTokens / capacity.cacheTokens, load.requests / capacity.maxRequests) / settings.mostPressure;
  const atLeast = Math.max(byDemand, byCache);
  // A trace of demand long ago keeps no copy.
  const needed = atLeast < NOTHING && load.requests === 0 ? 0 : Math.ceil(atLeast);
  const copies = Math.ceil(needed / copiesPerInstance) * copiesPerInstance;
  if (needed > maxCopies) return { copies: maxCopies, because: 'maximum' };
  if (needed <= minCopies) return { copies: minCopies, because: 'minimum' };
  return { copies: Math.min(copies, maxCopies), because: byDemand >= byCache ? 'demand' : 'cache' };
}

/** Part of a copy. */
const NOTHING = 0.02;
