import { changeOf, copySteps } from '../../lambda/policy/copy-steps.ts';
import type { ScalingMetricsLine } from '../../lambda/scaling/scaling-metrics.ts';
import { checkScheduleName, parseSchedule, type Schedule } from '../../lambda/scaling/schedule-expression.ts';
import type { CopyFleet } from './copy-fleet.ts';

/** A scalable target of Application Auto Scaling. */
export interface ScalableTarget {
  readonly min: number;
  readonly max: number;
  /** Which scaling activities are suspended. */
  readonly suspended: { readonly in: boolean; readonly out: boolean; readonly scheduled: boolean };
}

export const notSuspended: ScalableTarget['suspended'] = { in: false, out: false, scheduled: false };

export interface ScheduledAction {
  readonly name: string;
  /** `at(…)`, `rate(…)` or `cron(…)`. */
  readonly schedule: string;
  readonly timezone: string | undefined;
  /** New bounds. If omitted, a bound stays unchanged. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * Emulates CloudWatch and Application Auto Scaling for the copies: applies the deployed step policies to the scaling metrics,
 * without CloudWatch's delay, and runs scheduled actions.
 */
export class LocalAutoScaling {
  readonly #fleet: CopyFleet;
  readonly #now: () => number;
  readonly #maxCooldownSeconds: number;
  readonly #alarms = new Map<string, { readonly actedAt: number }>();
  readonly #planned = new Map<string, Planned>();
  #target: ScalableTarget;

  /**
   * @param now Unix time in seconds
   * @param maxCooldownSeconds upper bound of a policy's cooldown. Copies start faster here than in production, so a shorter
   *   cooldown fits
   */
  constructor(
    fleet: CopyFleet,
    target: ScalableTarget,
    now: () => number,
    maxCooldownSeconds = Number.POSITIVE_INFINITY,
  ) {
    this.#fleet = fleet;
    this.#target = target;
    this.#now = now;
    this.#maxCooldownSeconds = maxCooldownSeconds;
  }

  get target(): ScalableTarget {
    return this.#target;
  }

  get schedules(): readonly ScheduledAction[] {
    return [...this.#planned.values()].map(({ action }) => action);
  }

  /** Registers a new range and immediately brings the copies into it. */
  register(target: ScalableTarget): void {
    this.#target = target;
    this.#fleet.setDesired(this.#within(this.#fleet.desired));
  }

  /** @throws {ScheduleExpressionError} */
  putSchedule(action: ScheduledAction): void {
    checkScheduleName(action.name);
    const schedule = parseSchedule(action.schedule, action.timezone);
    const since = this.#now();
    this.#planned.set(action.name, { action, schedule, since, due: schedule.next(since, since) });
  }

  /** Returns whether the schedule existed. */
  deleteSchedule(name: string): boolean {
    return this.#planned.delete(name);
  }

  /** Runs all due scheduled actions in the order of their times. Call it every few seconds. */
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
      // If an action sets one bound beyond the other, it fails and changes nothing.
      if (min <= max) this.register({ ...this.#target, min, max });
    }
  }

  /** Evaluates the alarms with one data point of each metric. An alarm that stays in ALARM acts again after its policy's cooldown. */
  observe(line: ScalingMetricsLine): void {
    for (const policy of copySteps) {
      const change = changeOf(policy, line[policy.metricName]);
      const alarm = this.#alarms.get(policy.name);
      if (change === 0) {
        this.#alarms.delete(policy.name);
        continue;
      }
      if (change > 0 ? this.#target.suspended.out : this.#target.suspended.in) continue;
      const cooldown = Math.min(policy.cooldownSeconds, this.#maxCooldownSeconds);
      if (alarm !== undefined && this.#now() - alarm.actedAt < cooldown) continue;
      this.#alarms.set(policy.name, { actedAt: this.#now() });
      this.#fleet.setDesired(this.#within(this.#fleet.desired + change));
    }
  }

  #within(copies: number): number {
    return Math.min(this.#target.max, Math.max(this.#target.min, copies));
  }
}

/** A scheduled action and its next run, as Unix time in seconds. */
interface Planned {
  readonly action: ScheduledAction;
  readonly schedule: Schedule;
  readonly since: number;
  readonly due: number | undefined;
}
