import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { scalingMetricsLine } from '../../lambda/scaling/scaling-metrics.ts';
import { CopyFleet } from '../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended, type ScheduledAction } from '../../local/endpoint/local-auto-scaling.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new AbortController().signal;

describe('CopyFleet', () => {
  it('a copy takes no request before it has started', async () => {
    const fleet = new CopyFleet({ copies: 0, startSeconds: 20, requestsPerCopy: 1 });
    fleet.setDesired(1);
    expect(await fleet.take(never)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(fleet.running).toBe(1);
    expect(await fleet.take(never)).toBeTypeOf('function');
  });

  it('a request queues if all places of the copies are taken', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 1, requestsPerCopy: 2 });
    const first = await fleet.take(never);
    await fleet.take(never);
    const third = fleet.take(never);
    await vi.advanceTimersByTimeAsync(0);
    expect(fleet).toMatchObject({ requests: 2, queued: 1 });
    first?.();
    await third;
    expect(fleet).toMatchObject({ requests: 2, queued: 0 });
  });

  it('queued requests run when another copy has started', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const second = fleet.take(never);
    fleet.setDesired(2);
    await vi.advanceTimersByTimeAsync(5_000);
    await second;
    expect(fleet.requests).toBe(2);
  });

  it('an aborted request leaves the queue', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const gone = new AbortController();
    const second = fleet.take(gone.signal);
    await vi.advanceTimersByTimeAsync(0);
    gone.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    expect(fleet.queued).toBe(0);
  });

  it('queued requests get no place when the last copy is removed', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const second = fleet.take(never);
    await vi.advanceTimersByTimeAsync(0);
    fleet.setDesired(0);
    expect(await second).toBeUndefined();
  });
});

/** One data point of the scaling metrics. */
const line = (missing: number, spare = 0) =>
  scalingMetricsLine(
    { endpointName: 'e', modelId: 'm' },
    { CommittedTokensPerCopy: 0, MissingCopies: missing, SpareCopies: spare, WantedCopies: 0, RunningCopies: 0 },
    0,
  );

describe('LocalAutoScaling', () => {
  it('step policies add missing copies and remove spare ones, within the range', () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
    const clock = { now: 0 };
    const scaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: notSuspended }, () => clock.now);
    scaling.observe(line(5));
    expect(fleet.desired).toBe(3);
    scaling.observe(line(0, 2));
    expect(fleet.desired).toBe(1);
    scaling.observe(line(0, 9));
    expect(fleet.desired).toBe(1);
    clock.now = 60;
    scaling.observe(line(0, 9));
    expect(fleet.desired).toBe(0);
  });

  it('suspended step policies do nothing', () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
    const scaling = new LocalAutoScaling(
      fleet,
      { min: 0, max: 3, suspended: { in: true, out: true, scheduled: true } },
      () => 0,
    );
    scaling.observe(line(2));
    expect(fleet.desired).toBe(1);
  });
});

describe('Scheduled actions', () => {
  const morning = { name: 'morning', schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'Europe/Berlin', min: 2, max: 4 };
  const evening = { name: 'evening', schedule: 'cron(0 19 ? * MON-FRI *)', timezone: 'Europe/Berlin', min: 0, max: 1 };

  /** Schedules the actions on a Thursday evening in Berlin. */
  function planned(...actions: readonly ScheduledAction[]) {
    const fleet = new CopyFleet({ copies: 0, startSeconds: 0, requestsPerCopy: 1 });
    const clock = { now: Date.parse('2026-01-01T20:00:00Z') / 1_000 };
    const scaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: notSuspended }, () => clock.now);
    for (const action of actions) scaling.putSchedule(action);
    const at = (time: string) => {
      clock.now = Date.parse(time) / 1_000;
      scaling.runSchedules();
      return { desired: fleet.desired, min: scaling.target.min, max: scaling.target.max };
    };
    return { fleet, scaling, at };
  }

  it('scheduled actions set their bounds on time and bring the copies into the range', () => {
    const { at } = planned(morning, evening);
    expect(at('2026-01-02T05:59:59Z')).toEqual({ desired: 0, min: 0, max: 3 });
    expect(at('2026-01-02T06:00:01Z')).toEqual({ desired: 2, min: 2, max: 4 });
    expect(at('2026-01-02T18:00:01Z')).toEqual({ desired: 1, min: 0, max: 1 });
    expect(at('2026-01-04T12:00:00Z')).toEqual({ desired: 1, min: 0, max: 1 });
    expect(at('2026-01-05T06:00:00Z')).toEqual({ desired: 2, min: 2, max: 4 });
  });

  it('step policies stay within the scheduled bounds', () => {
    const { at, scaling, fleet } = planned(morning);
    at('2026-01-02T06:00:01Z');
    scaling.observe(line(0, 2));
    expect(fleet.desired).toBe(2);
    scaling.observe(line(9));
    expect(fleet.desired).toBe(4);
  });

  it('a scheduled action runs once for all missed times', () => {
    const { at } = planned(morning, evening);
    expect(at('2026-01-08T20:00:00Z')).toEqual({ desired: 1, min: 0, max: 1 });
  });

  it('a scheduled action does nothing if it is suspended, deleted, or sets crossed bounds', () => {
    const suspended = planned(morning);
    suspended.scaling.register({ min: 0, max: 3, suspended: { in: true, out: true, scheduled: true } });
    expect(suspended.at('2026-01-02T06:00:01Z')).toMatchObject({ min: 0, max: 3 });
    const deleted = planned(morning);
    expect(deleted.scaling.deleteSchedule('morning')).toBe(true);
    expect(deleted.at('2026-01-02T06:00:01Z')).toMatchObject({ min: 0, max: 3 });
    const crossed = planned({ ...morning, min: 5, max: undefined });
    expect(crossed.at('2026-01-02T06:00:01Z')).toMatchObject({ min: 0, max: 3 });
  });

  it('a rate counts from the time when its action was last put', () => {
    const { at, scaling } = planned({ ...morning, schedule: 'rate(2 hours)' });
    expect(at('2026-01-01T21:00:00Z').min).toBe(0);
    scaling.putSchedule({ ...morning, schedule: 'rate(2 hours)' });
    expect(at('2026-01-01T22:30:00Z').min).toBe(0);
    expect(at('2026-01-01T23:00:00Z').min).toBe(2);
  });
});
