import { TARGET_TRACKING_SCALE_IN_SECONDS } from '../../lib/facts/scale-in.ts';
import { type Observation, SAMPLE_SECONDS, type Scaler } from './scaler.ts';

/** Settings of Application Auto Scaling's target tracking and of the alarms that it creates. */
export interface TargetTrackingSettings {
  /**
   * `concurrency`: SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution. `invocations`:
   * SageMakerInferenceComponentInvocationsPerCopy, per minute.
   */
  readonly metric: 'concurrency' | 'invocations';
  readonly target: number;
  readonly minCopies: number;
  readonly maxCopies: number;
  /** Period of the alarms, in seconds: 10 for a high-resolution metric, 60 for others. */
  readonly periodSeconds: number;
  /** Consecutive data points above the target that trigger a scale-out. */
  readonly outDatapoints: number;
  /** Consecutive data points below `inShare` of the target that trigger a scale-in. */
  readonly inDatapoints: number;
  readonly inShare: number;
  /** Cooldown between two scale-ins, in seconds. */
  readonly scaleInCooldownSeconds: number;
  /** Maximum fraction of the copies that one scale-in removes (at least one copy), 0 to 1. AWS documents only "more gradually". */
  readonly maxRemovedPart: number;
  /** Delay from the end of a period until the action, in seconds. */
  readonly delaySeconds: number;
}

/** The alarms of target tracking, and its default cooldown. Sources: see docs/scaling.md. */
export function defaultTargetTracking(
  metric: TargetTrackingSettings['metric'],
  target: number,
  bounds: { readonly minCopies: number; readonly maxCopies: number },
): TargetTrackingSettings {
  const periodSeconds = metric === 'concurrency' ? 10 : 60;
  return {
    metric,
    target,
    ...bounds,
    periodSeconds,
    outDatapoints: 3,
    inDatapoints: TARGET_TRACKING_SCALE_IN_SECONDS / periodSeconds,
    inShare: 0.9,
    scaleInCooldownSeconds: 300,
    maxRemovedPart: 0.25,
    delaySeconds: CLOUDWATCH_SECONDS,
  };
}

/** Assumed delay from a metric's source to the action of its alarm, in seconds. The same for every policy. */
export const CLOUDWATCH_SECONDS = 20;

/**
 * "Scales out proportionally to the metric as fast as it can, but scales in more gradually":
 * https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
 *
 * If the documentation leaves room, this model favours target tracking: it never adds copies again for requests for which copies are
 * already starting, and the scale-out cooldown never delays it.
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
      // Per running copy. Without a copy, the metric has no data.
      const total = metric === 'concurrency' ? this.#sum / this.#samples : this.#sum;
      const value = load.copies > 0 ? total / load.copies : undefined;
      this.#above = value !== undefined && value > target ? this.#above + 1 : 0;
      this.#below = value !== undefined && value < target * inShare ? this.#below + 1 : 0;
      const copies = Math.ceil(total / target);
      if (this.#above >= outDatapoints || this.#below >= inDatapoints)
        this.#pending.push({ dueAt: now + this.#settings.delaySeconds, copies });
      this.#periodStart = now;
      this.#sum = 0;
      this.#samples = 0;
    }
    return this.#due(now, load.copies + load.startingCopies);
  }

  #due(now: number, current: number): number | undefined {
    const { minCopies, maxCopies, scaleInCooldownSeconds, maxRemovedPart } = this.#settings;
    let desired: number | undefined;
    for (let next = this.#pending[0]; next !== undefined && next.dueAt <= now; next = this.#pending[0]) {
      desired = Math.min(maxCopies, Math.max(minCopies, next.copies));
      this.#pending.shift();
    }
    if (desired === undefined || desired === current) return undefined;
    if (desired > current) return this.#above > 0 ? desired : undefined;
    if (this.#below === 0 || now - this.#lastIn < scaleInCooldownSeconds) return undefined;
    this.#lastIn = now;
    return Math.max(desired, current - Math.max(1, Math.floor(current * maxRemovedPart)));
  }
}
