import { type CopySteps, changeOf, copySteps } from '../../lambda/policy/copy-steps.ts';
import { type Demand, measureDemand, noDemand } from '../../lambda/policy/demand.ts';
import { scalingDecision, type WantedHistory } from '../../lambda/policy/scaling-decision.ts';
import type { ScalingSettings } from '../../lambda/policy/wanted-copies.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';
import { CLOUDWATCH_SECONDS } from './target-tracking.ts';

/**
 * Ours: the decision of lambda/policy, written as the metrics MissingCopies and SpareCopies every 10 seconds; the deployed step policies
 * act on one data point of it each. Who reads the metric sees it as late as target tracking sees its own. An alarm that stays in ALARM acts
 * again after its policy's cooldown.
 */
export class CommittedScaling implements Scaler {
  readonly #settings: ScalingSettings;
  readonly #pending: { readonly dueAt: number; readonly MissingCopies: number; readonly SpareCopies: number }[] = [];
  #demand: Demand = noDemand;
  #history: WantedHistory | undefined;
  #lastAction = Number.NEGATIVE_INFINITY;
  /** The policy whose alarm rings: never both. */
  #ringing: CopySteps | undefined;

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
    const before = this.#ringing;
    this.#ringing = copySteps.find((policy) => changeOf(policy, next[policy.metricName]) !== 0);
    if (this.#ringing === undefined) return undefined;
    if (this.#ringing === before && now - this.#lastAction < this.#ringing.cooldownSeconds) return undefined;
    this.#lastAction = now;
    // A step is relative: what an earlier step has already changed is not done again.
    const wanted = load.copies + load.startingCopies + changeOf(this.#ringing, next[this.#ringing.metricName]);
    return Math.max(Math.min(wanted, this.#settings.maxCopies), this.#settings.minCopies);
  }
}
