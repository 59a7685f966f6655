import { type Demand, demandedCopies } from './demand.ts';
import { type CopyCapacity, copiesForPressure, type Load } from './load.ts';

export interface ScalingSettings {
  /** Copies that always run. 0 lets the endpoint scale to zero. */
  readonly minCopies: number;
  readonly maxCopies: number;
  /** Target fraction of the copies' time that the demanded work takes. Above 0, at most 1. */
  readonly targetUtilization: number;
  /**
   * Maximum pressure of the admitted requests on the copies, see `pressureOf`. Above 0. If it is below admission's `fullAt`,
   * copies are added before requests queue.
   */
  readonly maxPressure: number;
  /**
   * Maximum of the pressure's moving average. Above 0. Near the pressure at which elastic budgets begin to shrink, so that they shrink under
   * peaks and not for good.
   */
  readonly maxMeanPressure: number;
  /** Copies per instance. Instances are billed as a whole, so they are filled. Minimum: 1. */
  readonly copiesPerInstance: number;
  /** Time constant of the demand's moving average, in seconds: about the start time of a copy. */
  readonly smoothingSeconds: number;
  /**
   * Scale-in window, in seconds: copies are removed if fewer were desired for this long. Stopping and restarting an instance costs
   * about 15 minutes of it (start and idle time), so a shorter window saves nothing; one hour also covers load that returns every
   * hour. See docs/decisions/0013-scaling-on-demand.md.
   */
  readonly scaleInAfterSeconds: number;
}

/** Target utilization by kind of budget. Elastic budgets absorb peaks above the mean, so they need less headroom. */
export const utilizationWith = { exactBudgets: 0.7, elasticBudgets: 0.85 } as const;

export const defaultScaling: ScalingSettings = {
  minCopies: 1,
  maxCopies: 8,
  targetUtilization: utilizationWith.elasticBudgets,
  maxPressure: 1.2,
  maxMeanPressure: 0.75,
  copiesPerInstance: 1,
  smoothingSeconds: 600,
  scaleInAfterSeconds: 3_600,
};

/** Desired number of copies, and the rule that determines it. */
export interface DesiredCopies {
  readonly copies: number;
  readonly because: 'demand' | 'cache' | 'minimum' | 'maximum';
}

/**
 * Smallest number of copies that serves the demand and holds the admitted requests. It does not depend on the current number of
 * copies, so it can scale out from zero, and starting copies are not requested twice.
 */
export function desiredCopies(
  demand: Demand,
  load: Load,
  capacity: CopyCapacity,
  settings: ScalingSettings,
): DesiredCopies {
  const { minCopies, maxCopies, copiesPerInstance } = settings;
  const byDemand = demandedCopies(demand, capacity) / settings.targetUtilization;
  const byCache = Math.max(
    copiesForPressure(load, capacity, settings.maxPressure),
    copiesForPressure(demand.held, capacity, Math.min(settings.maxMeanPressure, settings.maxPressure)),
  );
  const atLeast = Math.max(byDemand, byCache);
  // The decaying average of past demand must not keep a copy running.
  const needed = atLeast < NEGLIGIBLE_COPIES && load.requests === 0 ? 0 : Math.ceil(atLeast);
  const copies = Math.ceil(needed / copiesPerInstance) * copiesPerInstance;
  if (needed > maxCopies) return { copies: maxCopies, because: 'maximum' };
  if (needed <= minCopies) return { copies: minCopies, because: 'minimum' };
  return { copies: Math.min(copies, maxCopies), because: byDemand >= byCache ? 'demand' : 'cache' };
}

const NEGLIGIBLE_COPIES = 0.02;
