import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';

/** Target tracking as Application Auto Scaling does it, with the alarms that it makes itself. */
export interface TargetTrackingSettings {
  /**
   * `concurrency`: SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution. `invocations`:
   * SageMakerInferenceComponentInvocationsPerCopy, a minute.
   */
  readonly metric: 'concurrency' | 'invocations';
  readonly target: number;
  readonly minCopies: number;
  readonly maxCopies: number;
  /** Of the alarms. Seconds; 10 for a high-resolution metric, 60 for others. */
  readonly periodSeconds: number;
  /** Data points above the target until copies are added. */
  readonly outDatapoints: number;
  /** Data points below `inShare` of the target until copies are removed. */
  readonly inDatapoints: number;
  readonly inShare: number;
  /** Between two removals. Seconds. */
  readonly scaleInCooldownSeconds: number;
  /** The most that one removal takes of the copies there are; one at least. AWS says "more gradually" and gives no number. 0 to 1. */
  readonly mostRemovedPart: number;
  /** From the end of a period until the action. Seconds. */
  readonly delaySeconds: number;
}

/** The alarms of target tracking, and the default cooldown. Source: AWS.md's pages on scaling, see docs/scaling.md. */
export function defaultTargetTracking(
  metric: TargetTrackingSettings['metric'],
  target: number,
  bounds: { readonly minCopies: number; readonly maxCopies: number },
): TargetTrackingSettings {
  const fast = metric === 'concurrency';
  return {
    metric,
    target,
    ...bounds,
    periodSeconds: fast ? 10 : 60,
    outDatapoints: 3,
    inDatapoints: fast ? 90 : 15,
    inShare: 0.9,
    scaleInCooldownSeconds: 300,
    mostRemovedPart: 0.25,
    delaySeconds: CLOUDWATCH_SECONDS,
  };
}

/** A metric's way from its source to an alarm, and the alarm's to an action. An assumption; it holds for every policy here. */
export const CLOUDWATCH_SECONDS = 20;

/**
 * "Scales out proportionally to the metric as fast as it can, but scales in more gradually":
 * https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 *
 * Where the documents leave room, it is used in favour of target tracking: copies that are starting never make it add more for
 * the same requests, and the cooldown after adding copies never holds it back.
 */
export class TargetTracking implements Scaler {
  readonly #settings: TargetTrackingSettings;
  readonly #pending: { readonly dueAt: number; readonly copies: number }[] = [];
  #periodStart = 0;
  #sum = 0;
  #samples = 0;
  #above = 0;
  #below = 0;
  #lastIn = Number.NEGATIVE_INFINITY;

  constructor(settings: TargetTrackingSettings) {
    this.#settings = settings;
  }

  observe({ now, load, arrivals }: Observation): number | undefined {
    const { metric, target, periodSeconds, outDatapoints, inDatapoints, inShare } = this.#settings;
    this.#sum += metric === 'concurrency' ? load.requests : arrivals;
    this.#samples += 1;
    if (now - this.#periodStart >= periodSeconds - SAMPLE_SECONDS / 2) {
      // Per copy: of those that take requests. Without one there is no data.
      const total = metric === 'concurrency' ? this.#sum / this.#samples : this.#sum;
      const value = load.copies > 0 ? total / load.copies : undefined;
      this.#above = value !== undefined && value > target ? this.#above + 1 : 0;
      this.#below = value !== undefined && value < target * inShare ? this.#below + 1 : 0;
      const want = Math.ceil(total / target);
      if (this.#above >= outDatapoints || this.#below >= inDatapoints)
        this.#pending.push({ dueAt: now + this.#settings.delaySeconds, copies: want });
      this.#periodStart = now;
      this.#sum = 0;
      this.#samples = 0;
    }
    return this.#due(now, load.copies + load.startingCopies);
  }

  #due(now: number, have: number): number | undefined {
    const { minCopies, maxCopies, scaleInCooldownSeconds, mostRemovedPart } = this.#settings;
    let wanted: number | undefined;
    for (let next = this.#pending[0]; next !== undefined && next.dueAt <= now; next = this.#pending[0]) {
      wanted = Math.min(maxCopies, Math.max(minCopies, next.copies));
      this.#pending.shift();
    }
    if (wanted === undefined || wanted === have) return undefined;
    if (wanted > have) return this.#above > 0 ? wanted : undefined;
    if (this.#below === 0 || now - this.#lastIn < scaleInCooldownSeconds) return undefined;
    this.#lastIn = now;
    return Math.max(wanted, have - Math.max(1, Math.floor(have * mostRemovedPart)));
  }
}
