import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admission, defaultAdmission, retryAfterSeconds, waitSeconds } from '../../../lambda/policy/admission.ts';
import { atZeroCopies, type ZeroSettings } from '../../../lambda/policy/zero-copies.ts';
import { anyLoad, capacity, loadOf } from './loads.ts';

const { fullAt, maxQueueSeconds } = defaultAdmission;

describe('Admission', () => {
  it('a request is admitted up to a full endpoint', () => {
    expect(admission(loadOf(fullAt), capacity)).toEqual({ kind: 'admit' });
  });

  it('the expected wait is the excess of the load divided by the measured speed', () => {
    // 2 × 1.7 on 4 copies: the copies have to generate half of 1,360,000 tokens at 4 × 2,000 tokens per second.
    const load = loadOf(2 * fullAt);
    expect(waitSeconds(load, capacity, fullAt)).toBeCloseTo(load.committedTokens / 2 / 8_000, 6);
    expect(waitSeconds(load, { ...capacity, tokensPerSecond: 4_000 }, fullAt)).toBeCloseTo(
      load.committedTokens / 2 / 16_000,
      6,
    );
  });

  it('a request with a short wait queues, and one with a long wait is refused with Retry-After', () => {
    expect(admission(loadOf(fullAt * 1.1), capacity)).toMatchObject({ kind: 'queue' });
    const refused = admission(loadOf(fullAt * 4), capacity);
    expect(refused).toMatchObject({ kind: 'refuse', status: 503, because: 'endpoint_full' });
    const wait = waitSeconds(loadOf(fullAt * 4), capacity, fullAt);
    if (refused.kind === 'refuse') expect(refused.retryAfterSeconds).toBe(Math.ceil(wait - maxQueueSeconds));
  });

  it('a key that holds more than its share is refused with 429', () => {
    const load = loadOf(fullAt * 4);
    const heavy = { reservedTokens: load.reservedTokens * 0.9, activeKeys: 3 };
    expect(admission(load, capacity, heavy)).toMatchObject({ status: 429, because: 'key_over_its_part' });
  });

  it('a key with twice its share is refused at three quarters of the wait, a key slightly above its share is not', () => {
    const load = loadOf(fullAt * 1.5);
    const wait = waitSeconds(load, capacity, fullAt);
    const settings = { ...defaultAdmission, maxQueueSeconds: wait * 1.3 };
    const twice = { reservedTokens: load.reservedTokens, activeKeys: 2 };
    expect(admission(load, capacity, twice, settings)).toMatchObject({ kind: 'refuse', status: 429 });
    const slightlyAbove = { reservedTokens: load.reservedTokens * 0.7, activeKeys: 2 };
    expect(admission(load, capacity, slightlyAbove, settings)).toMatchObject({ kind: 'queue' });
    const half = { reservedTokens: load.reservedTokens / 4, activeKeys: 2 };
    expect(admission(load, capacity, half, settings)).toMatchObject({ kind: 'queue' });
  });

  it('a request without a copy waits as long as on the first copies', () => {
    const load = loadOf(fullAt * 2, 1);
    const expected = admission(load, capacity);
    expect(admission({ ...load, copies: 0 }, capacity)).toEqual(expected);
    expect(admission({ ...load, copies: 0, startingCopies: 1 }, capacity)).toEqual(expected);
    expect(admission({ ...load, copies: 0, startingCopies: 2 }, capacity)).toEqual({ kind: 'admit' });
  });

  it('the expected wait counts starting copies from when they take requests', () => {
    const load = { ...loadOf(fullAt * 4, 1), startingCopies: 7 };
    expect(waitSeconds(load, capacity, fullAt, 30)).toBe(30);
    const few = { ...loadOf(fullAt * 4, 1), startingCopies: 1 };
    const alone = waitSeconds({ ...few, startingCopies: 0 }, capacity, fullAt);
    const helped = waitSeconds(few, capacity, fullAt, 30);
    expect(helped).toBeGreaterThan(30);
    expect(helped).toBeLessThan(alone);
  });

  it('Retry-After is 1 second to 1 hour, even without a copy', () => {
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

  it('the expected wait never increases with the speed', () => {
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

describe('An endpoint without a copy', () => {
  const settings: ZeroSettings = { waitForCopy: true, maxWaitSeconds: 700, startSeconds: 600, retryWakeSeconds: 60 };

  it('the first request wakes the endpoint and waits', () => {
    expect(atZeroCopies({ kind: 'asleep' }, settings, 0)).toEqual({
      wake: true,
      answer: { kind: 'wait', expectedSeconds: 600 },
    });
  });

  it('later requests wait for the same copy, for the rest of its start', () => {
    expect(atZeroCopies({ kind: 'waking', since: 100 }, settings, 300)).toEqual({
      wake: false,
      answer: { kind: 'wait', expectedSeconds: 400 },
    });
  });

  it('a late start is expected to take as long again as it is late', () => {
    // The expected start is 600 s; 900 s have passed.
    expect(atZeroCopies({ kind: 'waking', since: 100 }, { ...settings, waitForCopy: false }, 1_000)).toMatchObject({
      answer: { kind: 'unavailable', code: 'endpoint_starting', retryAfterSeconds: 300 },
    });
  });

  it('a request that may not wait is answered 503 with Retry-After', () => {
    const { wake, answer } = atZeroCopies({ kind: 'asleep' }, { ...settings, waitForCopy: false }, 0);
    expect(wake).toBe(true);
    expect(answer).toMatchObject({ status: 503, code: 'endpoint_starting', retryAfterSeconds: 600 });
    expect(atZeroCopies({ kind: 'asleep' }, { ...settings, maxWaitSeconds: 599 }, 0).answer.kind).toBe('unavailable');
  });

  it('a failed wake is reported with its reason and retried after a backoff', () => {
    const state = { kind: 'failed', at: 100, why: 'no ml.p5.48xlarge in us-east-1' } as const;
    const soon = atZeroCopies(state, settings, 130);
    expect(soon.wake).toBe(false);
    expect(soon.answer).toMatchObject({ code: 'no_capacity', retryAfterSeconds: 630 });
    expect(soon.answer.kind === 'unavailable' && soon.answer.message).toContain('no ml.p5.48xlarge in us-east-1');
    expect(atZeroCopies(state, settings, 160).wake).toBe(true);
  });

  it('a paused endpoint is not woken', () => {
    expect(atZeroCopies({ kind: 'paused' }, settings, 0)).toMatchObject({
      wake: false,
      answer: { code: 'endpoint_paused' },
    });
  });
});
