import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { scalingMetricsLine } from '../../lambda/scaling/scaling-metrics.ts';
import { CopyFleet } from '../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling } from '../../local/endpoint/local-auto-scaling.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const never = new AbortController().signal;

describe('Copies that take time', () => {
  it('take no request before they have started', async () => {
    const fleet = new CopyFleet({ copies: 0, startSeconds: 20, requestsPerCopy: 1 });
    fleet.setDesired(1);
    expect(await fleet.take(never)).toBeUndefined();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(fleet.running).toBe(1);
    expect(await fleet.take(never)).toBeTypeOf('function');
  });

  it('run so many requests each; the next waits for a place', async () => {
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

  it('let those who wait in when one more has started', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const second = fleet.take(never);
    fleet.setDesired(2);
    await vi.advanceTimersByTimeAsync(5_000);
    await second;
    expect(fleet.requests).toBe(2);
  });

  it('are not waited for by who left', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const gone = new AbortController();
    const second = fleet.take(gone.signal);
    await vi.advanceTimersByTimeAsync(0);
    gone.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    expect(fleet.queued).toBe(0);
  });

  it('send those who wait away when the last one goes', async () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 5, requestsPerCopy: 1 });
    await fleet.take(never);
    const second = fleet.take(never);
    await vi.advanceTimersByTimeAsync(0);
    fleet.setDesired(0);
    expect(await second).toBeUndefined();
  });
});

describe('Local auto scaling', () => {
  const line = (missing: number, spare = 0) =>
    scalingMetricsLine(
      { endpointName: 'e', modelId: 'm' },
      { CommittedTokensPerCopy: 0, MissingCopies: missing, SpareCopies: spare, WantedCopies: 0, RunningCopies: 0 },
      0,
    );

  it('adds what is missing and takes away what is spare, within its range', () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
    const clock = { now: 0 };
    const scaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: false }, () => clock.now);
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

  it('does nothing while it is suspended', () => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
    const scaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: true }, () => 0);
    scaling.observe(line(2));
    expect(fleet.desired).toBe(1);
  });
});
