import { changeOf, copySteps, type ScalingMetricsLine } from '../../lambda/scaling/scaling-metrics.ts';
import type { CopyFleet } from './copy-fleet.ts';

/** What Application Auto Scaling keeps of a scalable target. */
export interface ScalableTarget {
  readonly min: number;
  readonly max: number;
  readonly suspended: boolean;
}

export interface ScheduledAction {
  readonly name: string;
  readonly schedule: string;
  readonly timezone: string | undefined;
  readonly min: number;
  readonly max: number;
}

/**
 * What CloudWatch and Application Auto Scaling do with the metrics of a copy's scaling: the deployed step policies, without the minute
 * that a metric takes to arrive. Scheduled actions are kept, not run.
 */
export class LocalAutoScaling {
  readonly schedules = new Map<string, ScheduledAction>();
  readonly #fleet: CopyFleet;
  readonly #now: () => number;
  readonly #mostRestSeconds: number;
  readonly #rings = new Map<string, { readonly since: number }>();
  #target: ScalableTarget;

  /**
   * @param now any clock. Seconds
   * @param mostRestSeconds the longest rest of a policy: starts here are shorter than in production, so rests are
   */
  constructor(fleet: CopyFleet, target: ScalableTarget, now: () => number, mostRestSeconds = Number.POSITIVE_INFINITY) {
    this.#fleet = fleet;
    this.#target = target;
    this.#now = now;
    this.#mostRestSeconds = mostRestSeconds;
  }

  get target(): ScalableTarget {
    return this.#target;
  }

  /** Registering a range brings the copies into it at once. */
  register(target: ScalableTarget): void {
    this.#target = target;
    this.#fleet.setDesired(this.#within(this.#fleet.desired));
  }

  /** One data point of each metric. An alarm that goes on ringing acts again after its policy's rest. */
  observe(line: ScalingMetricsLine): void {
    for (const policy of copySteps) {
      const change = changeOf(policy, line[policy.metricName]);
      const rings = this.#rings.get(policy.name);
      if (change === 0) {
        this.#rings.delete(policy.name);
        continue;
      }
      if (this.#target.suspended) continue;
      const rest = Math.min(policy.cooldownSeconds, this.#mostRestSeconds);
      if (rings !== undefined && this.#now() - rings.since < rest) continue;
      this.#rings.set(policy.name, { since: this.#now() });
      this.#fleet.setDesired(this.#within(this.#fleet.desired + change));
    }
  }

  #within(copies: number): number {
    return Math.min(this.#target.max, Math.max(this.#target.min, copies));
  }
}
