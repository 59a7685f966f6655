import { type CopySteps, changeOf, copySteps } from '../../lambda/policy/copy-steps.ts';
import type { ScalingSettings } from '../../lambda/policy/desired-copies.ts';
import { defaultScalingPolicy, type ScalingPolicyName } from '../../lambda/policy/scaling-policies.ts';
import type { Observation, Scaler } from './scaler.ts';
import { CLOUDWATCH_SECONDS } from './target-tracking.ts';

/**
 * Budgetforce's scaling: the decision of a scaling policy is written as the metrics MissingCopies and SpareCopies every 10 seconds,
 * and each deployed step policy acts on a single data point. The metric arrives with the same delay as in target tracking. An alarm
 * that stays in ALARM acts again after its policy's cooldown.
 */
export class CommittedScaling implements Scaler {
  readonly controlledBy: { readonly scalingPolicy: ScalingPolicyName; readonly scaling: ScalingSettings };
  readonly #pending: { readonly dueAt: number; readonly MissingCopies: number; readonly SpareCopies: number }[] = [];
  #lastAction = Number.NEGATIVE_INFINITY;
  /** The policy whose alarm is in ALARM. Never both. */
  #inAlarm: CopySteps | undefined;

  constructor(scaling: ScalingSettings, scalingPolicy: ScalingPolicyName = defaultScalingPolicy) {
    this.controlledBy = { scalingPolicy, scaling };
  }

  observe({ now, load, decision }: Observation): number | undefined {
    this.#pending.push({
      dueAt: now + CLOUDWATCH_SECONDS,
      MissingCopies: decision.missing,
      SpareCopies: decision.spare,
    });
    const next = this.#pending[0];
    if (next === undefined || next.dueAt > now) return undefined;
    this.#pending.shift();
    const before = this.#inAlarm;
    this.#inAlarm = copySteps.find((policy) => changeOf(policy, next[policy.metricName]) !== 0);
    if (this.#inAlarm === undefined) return undefined;
    if (this.#inAlarm === before && now - this.#lastAction < this.#inAlarm.cooldownSeconds) return undefined;
    this.#lastAction = now;
    // A step is relative to the current copies, which include the effect of earlier steps.
    const desired = load.copies + load.startingCopies + changeOf(this.#inAlarm, next[this.#inAlarm.metricName]);
    const { minCopies, maxCopies } = this.controlledBy.scaling;
    return Math.max(Math.min(desired, maxCopies), minCopies);
  }
}
