import { type CopySteps, changeOf, copySteps } from '../../lambda/policy/copy-steps.ts';
import { type Demand, measureDemand, noDemand } from '../../lambda/policy/demand.ts';
import type { ScalingSettings } from '../../lambda/policy/desired-copies.ts';
import { type DesiredHistory, scalingDecision } from '../../lambda/policy/scaling-decision.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';
import { CLOUDWATCH_SECONDS } from './target-tracking.ts';

/**
 * Budgetforce's scaling: the decision of lambda/policy is written as the metrics MissingCopies and SpareCopies every 10 seconds, and
 * each deployed step policy acts on a single data point. The metric arrives with the same delay as in target tracking. An alarm that
 * stays in ALARM acts again after its policy's cooldown.
 */
export class CommittedScaling implements Scaler {
  readonly #settings: ScalingSettings;
  readonly #pending: { readonly dueAt: number; readonly MissingCopies: number; readonly SpareCopies: number }[] = [];
  #demand: Demand = noDemand;
  #history: DesiredHistory | undefined;
  #lastAction = Number.NEGATIVE_INFINITY;
  /** The policy whose alarm is in ALARM. Never both. */
  #inAlarm: CopySteps | undefined;

  constructor(settings: ScalingSettings) {
    this.#settings = settings;
  }

  observe({ now, load, capacity, askedTokens }: Observation): number | undefined {
    const arrived = { tokens: askedTokens, seconds: SAMPLE_SECONDS };
    this.#demand = measureDemand(this.#demand, arrived, this.#settings.smoothingSeconds);
    const decision = scalingDecision(this.#demand, load, capacity, this.#settings, this.#history, now);
    this.#history = decision.history;
    const { missing, spare } = decision;
    this.#pending.push({ dueAt: now + CLOUDWATCH_SECONDS, MissingCopies: missing, SpareCopies: spare });
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
    return Math.max(Math.min(desired, this.#settings.maxCopies), this.#settings.minCopies);
  }
}
