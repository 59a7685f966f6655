import { changeOf, copySteps } from '../../lambda/policy/copy-steps.ts';
import type { ScalingMetricsLine } from '../../lambda/scaling/scaling-metrics.ts';
import type { CopyFleet } from './copy-fleet.ts';
import { parseSchedule, type Schedule } from './schedule-expression.ts';

/** What Application Auto Scaling keeps of a scalable target. */
export interface ScalableTarget {
  readonly min: number;
  readonly max: number;
  /** Which of its activities are stopped. */
  readonly suspended: { readonly in: boolean; readonly out: boolean; readonly scheduled: boolean };
}

export const notSuspended: ScalableTarget['suspended'] = { in: false, out: false, scheduled: false };

export interface ScheduledAction {
  readonly name: string;
  /** `at(…)`, `rate(…)` or `cron(…)`. */
  readonly schedule: string;
  readonly timezone: string | undefined;
  /** What stays as it is where it is absent. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * What CloudWatch and Application Auto Scaling do with the metrics of a copy's scaling: the deployed step policies, without the minute
 * that a metric takes to arrive, and scheduled actions.
 */
export class LocalAutoScaling {
  readonly #fleet: CopyFleet;
  readonly #now: () => number;
  readonly #mostRestSeconds: number;
  readonly #rings = new Map<string, { readonly since: number }>();
  readonly #planned = new Map<string, Planned>();
  #target: ScalableTarget;

  /**
   * @param now Unix time. Seconds
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

  get schedules(): readonly ScheduledAction[] {
    return [...this.#planned.values()].map(({ action }) => action);
  }

  /** Registering a range brings the copies into it at once. */
  register(target: ScalableTarget): void {
    this.#target = target;
    this.#fleet.setDesired(this.#within(this.#fleet.desired));
  }

  /** @throws {ScheduleExpressionError} */
  putSchedule(action: ScheduledAction): void {
    const schedule = parseSchedule(action.schedule, action.timezone);
    const since = this.#now();
    this.#planned.set(action.name, { action, schedule, since, due: schedule.next(since, since) });
  }

  /** Whether there was one. */
  deleteSchedule(name: string): boolean {
    return this.#planned.delete(name);
  }

  /** Runs the scheduled actions whose time has come, in the order of their times. To be called every few seconds. */
  runSchedules(): void {
    const now = this.#now();
    const due = [...this.#planned.values()]
      .filter(
        (planned): planned is Planned & { readonly due: number } => planned.due !== undefined && planned.due <= now,
      )
      .toSorted((a, b) => a.due - b.due);
    for (const { action, schedule, since } of due) {
      this.#planned.set(action.name, { action, schedule, since, due: schedule.next(now, since) });
      if (this.#target.suspended.scheduled) continue;
      const min = action.min ?? this.#target.min;
      const max = action.max ?? this.#target.max;
      // An action that sets one bound beyond the other fails, and so changes nothing.
      if (min <= max) this.register({ ...this.#target, min, max });
    }
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
      if (change > 0 ? this.#target.suspended.out : this.#target.suspended.in) continue;
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

/** A scheduled action and when it runs next. Unix time, seconds. */
interface Planned {
  readonly action: ScheduledAction;
  readonly schedule: Schedule;
  readonly since: number;
  readonly due: number | undefined;
}
