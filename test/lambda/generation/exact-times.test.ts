import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Generation } from '../../../lambda/generation/generation.ts';
import { retryDelay } from '../../../lambda/generation/retry.ts';
import { neededMs, Timing } from '../../../lambda/generation/timing.ts';
import {
  ModelRejectedError,
  ModelThrottledError,
  ModelUnavailableError,
  NoCapacityError,
} from '../../../lambda/upstream/errors.ts';

const failed = new ModelUnavailableError('down');

describe('the backoff of a failed call', () => {
  const policy = { attempts: 4, backoffMs: 250, capacityWaitMs: 0 };

  it.each([
    [0, 0],
    [1, 250],
    [2, 500],
    [3, 1_000],
    [4, undefined],
    [5, undefined],
  ])('after %d attempts without a token is %s ms', (attempt, delay) => {
    expect(retryDelay(failed, attempt, 0, policy)).toBe(delay);
  });

  it('is at least what the server asked for, and doubles beyond it', () => {
    const throttled = new ModelThrottledError('slower', { retryAfterSeconds: 0.4 });
    expect([1, 2, 3].map((attempt) => retryDelay(throttled, attempt, 0, policy))).toEqual([400, 500, 1_000]);
  });

  it('is lengthened by up to a half', () => {
    const delays = [0, 0.5, 1].map((random) => retryDelay(failed, 1, 0, { ...policy, random: () => random }));
    expect(delays).toEqual([250, 313, 375]);
  });

  it('of a failure that a retry does not mend, there is none, even if the call gave tokens', () => {
    expect(retryDelay(new ModelRejectedError('no'), 0, 0, policy)).toBeUndefined();
  });

  it.each([
    [0, 3_000],
    [7_000, 3_000],
    [7_001, undefined],
  ])('without a copy, %d ms after the start of a wait of 10 s, is %s', (elapsed, delay) => {
    expect(retryDelay(new NoCapacityError('asleep'), 99, elapsed, { ...policy, capacityWaitMs: 10_000 })).toBe(delay);
  });
});

describe('the time that an answer needs', () => {
  it.each([
    // A fifth of 100 s, while the speed is unknown; a minimum of thinking needs as much again.
    [{ minTokens: 0, maxAnswerTokens: 100 }, undefined, 20_000],
    [{ minTokens: 50, maxAnswerTokens: 100 }, undefined, 40_000],
    [{ minTokens: 0, maxAnswerTokens: 100 }, 10, 1_000],
    [{ minTokens: 50, maxAnswerTokens: 100 }, 10, 1_500],
    [{ minTokens: 50, maxAnswerTokens: 5_000 }, 10, 20_500],
  ])('of %j at %s ms per token is %d ms', (limits, msPerToken, needed) => {
    expect(neededMs(limits, 100_000, msPerToken)).toBe(needed);
  });
});

describe('the times of a generation with a deadline', () => {
  let now = 0;
  beforeEach(() => {
    now = 1_000;
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  const timingOf = (changes: Partial<Generation> = {}, maxAnswerTokens = 10, minTokens = 0) =>
    new Timing({
      clock: { now: () => now, sleep: async () => {} },
      plan: { limits: { minTokens, maxTokens: 100, waits: 0, maxAnswerTokens } },
      retry: { attempts: 3, backoffMs: 250, capacityWaitMs: 60_000 },
      deadlineMs: 11_000,
      ...changes,
    } as unknown as Generation);

  /** Milliseconds after which a segment is stopped. `undefined`: not at all. */
  function stopsAfter(timing: Timing, part: 'thinking' | 'answer'): number | undefined {
    const { signal, clear } = timing.startCutTimer(part);
    for (let ms = 0; ms <= 20_000; ms += 50) {
      if (signal.aborted) {
        clear();
        return ms;
      }
      vi.advanceTimersByTime(50);
    }
    clear();
    return undefined;
  }

  it('thinking stops with a fifth of the time left, until the speed is known', () => {
    expect(stopsAfter(timingOf(), 'thinking')).toBe(8_000);
  });

  it('thinking stops so early that the answer fits at the speed so far', () => {
    const timing = timingOf();
    timing.count(0);
    now += 2_000;
    timing.count(20);
    // 100 ms per token, and 10 tokens of answer: 1 s before the deadline, which is 8 s away.
    expect(stopsAfter(timing, 'thinking')).toBe(7_000);
  });

  it('the time for a long answer is at most half of what there was at the first token', () => {
    const timing = timingOf({}, 5_000);
    timing.count(0);
    now += 2_000;
    timing.count(20);
    expect(stopsAfter(timing, 'thinking')).toBe(3_000);
  });

  it('the answer stops at the deadline, and nothing stops without one', () => {
    expect(stopsAfter(timingOf(), 'answer')).toBe(10_000);
    for (const part of ['thinking', 'answer'] as const) {
      expect(stopsAfter(timingOf({ deadlineMs: undefined } as never), part)).toBeUndefined();
    }
  });

  it('a segment after the time to stop is stopped at once', () => {
    const timing = timingOf();
    now = 12_000;
    expect(stopsAfter(timing, 'answer')).toBe(50);
  });

  it('a cleared timer stops nothing', () => {
    const { signal, clear } = timingOf().startCutTimer('thinking');
    clear();
    vi.advanceTimersByTime(60_000);
    expect(signal.aborted).toBe(false);
  });

  it('the deadline is over exactly when its time comes', () => {
    const timing = timingOf();
    expect([9_999, 10_000].map((delay) => timing.isOverAfter(delay))).toEqual([false, true]);
    expect(timing.elapsedMs()).toBe(0);
    now += 300;
    expect(timing.elapsedMs()).toBe(300);
    expect(timing.isOverAfter(9_700)).toBe(true);
  });

  it.each([
    // The latest start of an answer is 8 s after the generation began.
    [8_000, undefined],
    [8_001, 9],
    [30_500, 31],
  ])('a copy that starts in %d ms is too late by Retry-After %s', (startMs, seconds) => {
    const coldStart = { startMs, msPerToken: undefined };
    expect(timingOf({ coldStart }).copyTooLateSeconds(false)).toBe(seconds);
  });

  it('a copy whose start is under way is expected at once, and in 30 s when that is too late', () => {
    const timing = timingOf({ coldStart: { startMs: 60_000, msPerToken: undefined } });
    expect(timing.copyTooLateSeconds(true)).toBeUndefined();
    now += 8_001;
    expect(timing.copyTooLateSeconds(true)).toBe(30);
  });

  it('the expected start counts from when the copy was first missed', () => {
    const timing = timingOf({ coldStart: { startMs: 7_000, msPerToken: undefined } });
    expect(timing.copyTooLateSeconds(false)).toBeUndefined();
    now += 6_000;
    expect(timing.copyTooLateSeconds(false)).toBeUndefined();
    now += 2_001;
    expect(timing.copyTooLateSeconds(false)).toBe(30);
  });

  it('a copy that comes after the longest wait for one is too late, and never without a deadline', () => {
    const coldStart = { startMs: 5_000, msPerToken: 1 };
    const retry = { attempts: 3, backoffMs: 250, capacityWaitMs: 4_000 };
    expect(timingOf({ coldStart, retry }).copyTooLateSeconds(false)).toBe(5);
    expect(timingOf({ coldStart, retry, deadlineMs: undefined } as never).copyTooLateSeconds(false)).toBeUndefined();
  });
});
