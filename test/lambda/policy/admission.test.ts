import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admission, defaultAdmission, retryAfterSeconds, waitSeconds } from '../../../lambda/policy/admission.ts';
import { atZeroCopies, type ZeroSettings } from '../../../lambda/policy/zero-copies.ts';
import { anyLoad, capacity, loadOf } from './loads.ts';

const { fullAt, maxQueueSeconds } = defaultAdmission;

describe('AdmissionDecision', () => {
  it('lets requests in up to a full endpoint', () => {
    expect(admission(loadOf(fullAt), capacity)).toEqual({ kind: 'admit' });
  });

  it('says how long a place will take: what is too much, at the measured speed', () => {
    // 2 × 1.7 on 4 copies: half of 1,360,000 tokens has to be given by 4 × 2,000 a second.
    const load = loadOf(2 * fullAt);
    expect(waitSeconds(load, capacity, fullAt)).toBeCloseTo(load.committedTokens / 2 / 8_000, 6);
    expect(waitSeconds(load, { ...capacity, tokensPerSecond: 4_000 }, fullAt)).toBeCloseTo(
      load.committedTokens / 2 / 16_000,
      6,
    );
  });

  it('queues what waits shortly, refuses what would wait long, and says when to come back', () => {
    expect(admission(loadOf(fullAt * 1.1), capacity)).toMatchObject({ kind: 'queue' });
    const refused = admission(loadOf(fullAt * 4), capacity);
    expect(refused).toMatchObject({ kind: 'refuse', status: 503, because: 'endpoint_full' });
    const wait = waitSeconds(loadOf(fullAt * 4), capacity, fullAt);
    if (refused.kind === 'refuse') expect(refused.retryAfterSeconds).toBe(Math.ceil(wait - maxQueueSeconds));
  });

  it('is a 429 for the key that holds more than its part', () => {
    const load = loadOf(fullAt * 4);
    const heavy = { reservedTokens: load.reservedTokens * 0.9, activeKeys: 3 };
    expect(admission(load, capacity, heavy)).toMatchObject({ status: 429, because: 'key_over_its_part' });
  });

  it('turns a key that holds twice its part away at three quarters of the wait, and none that is a little above it', () => {
    const load = loadOf(fullAt * 1.5);
    const wait = waitSeconds(load, capacity, fullAt);
    const settings = { ...defaultAdmission, maxQueueSeconds: wait * 1.3 };
    const twice = { reservedTokens: load.reservedTokens, activeKeys: 2 };
    expect(admission(load, capacity, twice, settings)).toMatchObject({ kind: 'refuse', status: 429 });
    const little = { reservedTokens: load.reservedTokens * 0.7, activeKeys: 2 };
    expect(admission(load, capacity, little, settings)).toMatchObject({ kind: 'queue' });
    const half = { reservedTokens: load.reservedTokens / 4, activeKeys: 2 };
    expect(admission(load, capacity, half, settings)).toMatchObject({ kind: 'queue' });
  });

  it('without a copy waits for a place on the first ones, as if they were there', () => {
    const load = loadOf(fullAt * 2, 1);
    const there = admission(load, capacity);
    expect(admission({ ...load, copies: 0 }, capacity)).toEqual(there);
    expect(admission({ ...load, copies: 0, startingCopies: 1 }, capacity)).toEqual(there);
    expect(admission({ ...load, copies: 0, startingCopies: 2 }, capacity)).toEqual({ kind: 'admit' });
  });

  it('counts copies that start, from when they work', () => {
    const load = { ...loadOf(fullAt * 4, 1), startingCopies: 7 };
    expect(waitSeconds(load, capacity, fullAt, 30)).toBe(30);
    const few = { ...loadOf(fullAt * 4, 1), startingCopies: 1 };
    const alone = waitSeconds({ ...few, startingCopies: 0 }, capacity, fullAt);
    const helped = waitSeconds(few, capacity, fullAt, 30);
    expect(helped).toBeGreaterThan(30);
    expect(helped).toBeLessThan(alone);
  });

  it('has a Retry-After of 1 second to an hour, even without a copy', () => {
    fc.assert(
      fc.property(anyLoad, fc.double({ min: 0, max: 5_000, noNaN: true }), (load, starts) => {
        const answer = admission(load, capacity, undefined, defaultAdmission, starts);
        if (answer.kind !== 'refuse') return;
        expect(Number.isInteger(answer.retryAfterSeconds)).toBe(true);
        expect(answer.retryAfterSeconds).toBeGreaterThanOrEqual(1);
        expect(answer.retryAfterSeconds).toBeLessThanOrEqual(3_600);
      }),
      { seed: 7 },
    );
    expect(retryAfterSeconds(Number.POSITIVE_INFINITY)).toBe(3_600);
    expect(retryAfterSeconds(Number.NaN)).toBe(3_600);
    expect(retryAfterSeconds(-5)).toBe(1);
  });

  it('never waits longer for more speed', () => {
    fc.assert(
      fc.property(anyLoad, fc.double({ min: 1, max: 10, noNaN: true }), (load, faster) => {
        const fast = { ...capacity, tokensPerSecond: capacity.tokensPerSecond * faster };
        const slowWait = waitSeconds(load, capacity, fullAt, 60);
        expect(waitSeconds(load, fast, fullAt, 60)).toBeLessThanOrEqual(slowWait + 1e-9);
      }),
      { seed: 7 },
    );
  });
});

describe('At zero copies', () => {
  const settings: ZeroSettings = { waitForCopy: true, maxWaitSeconds: 700, startSeconds: 600, retryWakeSeconds: 60 };

  it('the first request wakes the endpoint and waits', () => {
    expect(atZeroCopies({ kind: 'asleep' }, settings, 0)).toEqual({
      wake: true,
      answer: { kind: 'wait', expectedSeconds: 600 },
    });
  });

  it('the next ones wait for the same copy, so much shorter', () => {
    expect(atZeroCopies({ kind: 'waking', since: 100 }, settings, 300)).toEqual({
      wake: false,
      answer: { kind: 'wait', expectedSeconds: 400 },
    });
  });

  it('a start that is late is not expected each second: as long again as it is late', () => {
    // It should have taken 600 s; 300 s more have gone by.
    expect(atZeroCopies({ kind: 'waking', since: 100 }, { ...settings, waitForCopy: false }, 1_000)).toMatchObject({
      answer: { kind: 'unavailable', code: 'endpoint_starting', retryAfterSeconds: 300 },
    });
  });

  it('a request that may not wait is told when to come back', () => {
    const { wake, answer } = atZeroCopies({ kind: 'asleep' }, { ...settings, waitForCopy: false }, 0);
    expect(wake).toBe(true);
    expect(answer).toMatchObject({ status: 503, code: 'endpoint_starting', retryAfterSeconds: 600 });
    expect(atZeroCopies({ kind: 'asleep' }, { ...settings, maxWaitSeconds: 599 }, 0).answer.kind).toBe('unavailable');
  });

  it('a wake that failed says why, and is tried again later', () => {
    const state = { kind: 'failed', at: 100, why: 'no ml.p5.48xlarge in us-east-1' } as const;
    const soon = atZeroCopies(state, settings, 130);
    expect(soon.wake).toBe(false);
    expect(soon.answer).toMatchObject({ code: 'no_capacity', retryAfterSeconds: 630 });
    expect(soon.answer.kind === 'unavailable' && soon.answer.message).toContain('no ml.p5.48xlarge in us-east-1');
    expect(atZeroCopies(state, settings, 160).wake).toBe(true);
  });

  it('a paused endpoint stays asleep', () => {
    expect(atZeroCopies({ kind: 'paused' }, settings, 0)).toMatchObject({
      wake: false,
      answer: { code: 'endpoint_paused' },
    });
  });
});
