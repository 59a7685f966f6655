import { type Demand, measureDemand, noDemand } from '../../lambda/policy/demand.ts';
import { scalingDecision, type WantedHistory } from '../../lambda/policy/scaling-decision.ts';
import type { ScalingSettings } from '../../lambda/policy/wanted-copies.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';
import { CLOUDWATCH_SECONDS } from './target-tracking.ts';

/** An alarm that stays in ALARM acts again after so long. https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-step-scaling-policies.html */
const REPEAT_SECONDS = 60;

/**
 * Ours: the decision of lambda/policy, written as the metrics MissingCopies and SpareCopies every 10 seconds; two step policies
 * act on one data point of it each. Who reads the metric sees it as late as target tracking sees its own.
 */
export class CommittedScaling implements Scaler {
  readonly #settings: ScalingSettings;
  readonly #pending: { readonly dueAt: number; readonly missing: number; readonly spare: number }[] = [];
  #demand: Demand = noDemand;
  #history: WantedHistory | undefined;
  #lastAction = Number.NEGATIVE_INFINITY;
  #alarm: 'missing' | 'spare' | 'none' = 'none';

  constructor(settings: ScalingSettings) {
    this.#settings = settings;
  }

  observe({ now, load, capacity, askedTokens }: Observation): number | undefined {
    const arrived = { tokens: askedTokens, seconds: SAMPLE_SECONDS };
    this.#demand = measureDemand(this.#demand, arrived, this.#settings.smoothingSeconds);
    const decision = scalingDecision(this.#demand, load, capacity, this.#settings, this.#history, now);
    this.#history = decision.history;
    this.#pending.push({ dueAt: now + CLOUDWATCH_SECONDS, missing: decision.missing, spare: decision.spare });
    const next = this.#pending[0];
    if (next === undefined || next.dueAt > now) return undefined;
    this.#pending.shift();
    const have = load.copies + load.startingCopies;
    const before = this.#alarm;
    this.#alarm = next.missing > 0 ? 'missing' : next.spare > 0 ? 'spare' : 'none';
    if (this.#alarm === 'none') return undefined;
    if (this.#alarm === before && now - this.#lastAction < REPEAT_SECONDS) return undefined;
    this.#lastAction = now;
    // A step is relative: what an earlier step has already changed is not done again.
    const wanted =
      this.#alarm === 'missing' ? Math.min(have + next.missing, this.#settings.maxCopies) : have - next.spare;
    return Math.max(wanted, this.#settings.minCopies);
  }
}
