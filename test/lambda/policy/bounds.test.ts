import { describe, expect, it } from 'vitest';
import { admission, defaultAdmission, retryAfterSeconds, waitSeconds } from '../../../lambda/policy/admission.ts';
import { defaultScaling, desiredCopies } from '../../../lambda/policy/desired-copies.ts';
import { expectedTokens, learnUse, unknownUse } from '../../../lambda/policy/expected-use.ts';
import { emptyLoad, pressureOf } from '../../../lambda/policy/load.ts';

/** One copy: a cache of 1,000 tokens, 10 places, 100 tokens per second. */
const capacity = { cacheTokens: 1_000, maxRequests: 10, tokensPerSecond: 100 };
/** A load of one copy at a pressure of `reserved` / 1,000, all of which is still to be generated. */
const loadOf = (reserved: number, changes = {}) => ({
  copies: 1,
  startingCopies: 0,
  requests: 1,
  reservedTokens: reserved,
  committedTokens: reserved,
  ...changes,
});
const fullAt = 1;

describe('the wait that a load means, exactly at its bounds', () => {
  it('is 0 at a full endpoint, and that of the excess one token above', () => {
    expect(waitSeconds(loadOf(1_000), capacity, fullAt)).toBe(0);
    expect(waitSeconds(loadOf(1_001), capacity, fullAt)).toBeCloseTo(0.01, 12);
  });

  it('counts only what is still to be generated', () => {
    expect(waitSeconds(loadOf(2_000, { committedTokens: 400 }), capacity, fullAt)).toBeCloseTo(2, 12);
    expect(waitSeconds(loadOf(2_000, { committedTokens: 9_999 }), capacity, fullAt)).toBeCloseTo(10, 12);
  });

  it('ends at the start of a further copy if both copies have room, and before it if the load falls sooner', () => {
    const load = loadOf(2_000, { startingCopies: 1 });
    expect(waitSeconds(load, capacity, fullAt, 4)).toBe(4);
    expect(waitSeconds(load, capacity, fullAt, 9.5)).toBe(9.5);
    expect(waitSeconds(load, capacity, fullAt, 10)).toBeCloseTo(10, 12);
    expect(waitSeconds(load, capacity, fullAt, 60)).toBeCloseTo(10, 12);
    expect(waitSeconds(load, capacity, fullAt)).toBeCloseTo(10, 12);
  });

  it('goes on at the speed of all copies if both are too few', () => {
    // 4,000 tokens at two copies: half of them are excess, less 5 s × 100 of the first copy, at 200 tokens per second.
    expect(waitSeconds(loadOf(4_000, { startingCopies: 1 }), capacity, fullAt, 5)).toBeCloseTo(5 + 1_500 / 200, 12);
    // What the first copy generates until then is enough.
    expect(waitSeconds(loadOf(4_000, { startingCopies: 1 }), capacity, fullAt, 25)).toBeCloseTo(25, 12);
  });

  it('is infinite without a copy, and that of the start with one that has room', () => {
    expect(waitSeconds(loadOf(100, { copies: 0 }), capacity, fullAt)).toBe(Number.POSITIVE_INFINITY);
    expect(waitSeconds(loadOf(100, { copies: 0, startingCopies: 1 }), capacity, fullAt, 30)).toBe(30);
    expect(waitSeconds(loadOf(100, { copies: 0, startingCopies: 1 }), capacity, fullAt)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [0, 1],
    [1, 1],
    [1.000_1, 2],
    [3_599.5, 3_600],
    [3_600, 3_600],
    [3_600.1, 3_600],
  ])('of %d seconds is a Retry-After of %d', (seconds, header) => {
    expect(retryAfterSeconds(seconds)).toBe(header);
  });
});

describe('the decision of admission, exactly at its bounds', () => {
  const settings = { fullAt, maxQueueSeconds: 10 };
  // A wait of 10 s, and one slightly above it.
  const longest = loadOf(2_000);
  const tooLong = loadOf(2_001);
  const shareOf = (share: number, activeKeys: number, load = longest) => ({
    reservedTokens: load.reservedTokens * share,
    activeKeys,
  });

  it('a request is admitted at a wait of 0, queues at the longest wait, and is refused above it', () => {
    expect(admission(loadOf(1_000), capacity, undefined, settings)).toEqual({ kind: 'admit' });
    expect(admission(longest, capacity, undefined, settings)).toEqual({ kind: 'queue', expectedWaitSeconds: 10 });
    expect(admission(tooLong, capacity, undefined, settings)).toEqual({
      kind: 'refuse',
      status: 503,
      retryAfterSeconds: 1,
      because: 'endpoint_full',
    });
  });

  it('a longest wait of 0 refuses every request that would wait, and admits one that would not', () => {
    const none = { fullAt, maxQueueSeconds: 0 };
    expect(admission(loadOf(1_000), capacity, undefined, none)).toEqual({ kind: 'admit' });
    expect(admission(loadOf(1_001), capacity, undefined, none)).toMatchObject({ kind: 'refuse' });
  });

  it('a key with one and a half equal shares waits as long as others, and one with more proportionally shorter', () => {
    expect(admission(longest, capacity, shareOf(0.75, 2), settings)).toMatchObject({ kind: 'queue' });
    // Twice its share: 10 s / (2 / 1.5) = 7.5 s, and the wait is 10 s.
    expect(admission(longest, capacity, shareOf(1, 2), settings)).toEqual({
      kind: 'refuse',
      status: 429,
      retryAfterSeconds: 3,
      because: 'key_over_its_part',
    });
  });

  it('a refused key with exactly its share is told that the endpoint is full', () => {
    expect(admission(tooLong, capacity, shareOf(0.5, 2, tooLong), settings)).toMatchObject({ status: 503 });
    expect(admission(tooLong, capacity, shareOf(0.51, 2, tooLong), settings)).toMatchObject({ status: 429 });
  });

  it('a request at no copy waits for the starting ones, or for one', () => {
    const asleep = loadOf(2_000, { copies: 0 });
    expect(admission(asleep, capacity, undefined, settings)).toMatchObject({ kind: 'queue', expectedWaitSeconds: 10 });
    const two = { ...asleep, startingCopies: 2 };
    expect(admission(two, capacity, undefined, settings)).toEqual({ kind: 'admit' });
  });

  it('the defaults are a pressure of 1.7 and two minutes', () => {
    expect(defaultAdmission).toEqual({ fullAt: 1.7, maxQueueSeconds: 120 });
  });
});

describe('the pressure of a load', () => {
  it('is that of the scarcer of cache and places', () => {
    expect(pressureOf(loadOf(500, { requests: 2 }), capacity)).toBe(0.5);
    expect(pressureOf(loadOf(500, { requests: 8 }), capacity)).toBe(0.8);
    expect(pressureOf(loadOf(500, { requests: 8, copies: 2 }), capacity)).toBe(0.4);
  });

  it('is 0 without a request, even without a copy, and infinite with a request and no copy', () => {
    expect(pressureOf(emptyLoad, capacity)).toBe(0);
    expect(pressureOf({ ...emptyLoad, requests: 1 }, capacity)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the expected use of a limit', () => {
  /** A use that differs in each size class: class n uses n hundredths. */
  const use = Array.from({ length: 20 }, (_, size) => (size + 1) / 100);

  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [1_023, 10],
    [1_024, 11],
    [2 ** 19 - 1, 19],
    [2 ** 19, 20],
    [2 ** 20 - 1, 20],
    [2 ** 20, 20],
    [2 ** 31 - 1, 20],
  ])('of %d tokens is that of its size class: %d hundredths', (limit, hundredths) => {
    expect(expectedTokens(use, limit)).toBeCloseTo((limit * hundredths) / 100, 6);
  });

  it('is not below the minimum of the thinking, which is not above the limit', () => {
    expect(expectedTokens(use, 1_024, 500)).toBe(500);
    expect(expectedTokens(use, 1_024, 5_000)).toBe(1_024);
  });

  it('is the whole limit before anything was learnt', () => {
    for (const limit of [1, 1_000, 2 ** 20, 2 ** 31 - 1]) expect(expectedTokens(unknownUse(), limit)).toBe(limit);
    expect(unknownUse()).toHaveLength(20);
  });

  it.each([1, 1_000, 2 ** 19, 2 ** 20, 2 ** 31 - 1])(
    'is learnt from a request of %d tokens in its class alone',
    (limit) => {
      const learned = learnUse(unknownUse(), [{ limitTokens: limit, usedTokens: limit / 2 }]);
      expect(learned.filter((share) => share !== 1)).toEqual([1 - 0.02 / 2]);
      expect(learned).toHaveLength(20);
      expect(expectedTokens(learned, limit)).toBeCloseTo(limit * 0.99, 6);
    },
  );

  it('is not learnt from a request without a limit or without a token, and a use above the limit counts as the limit', () => {
    const low = use.map(() => 0.5);
    expect(learnUse(low, [{ limitTokens: 0, usedTokens: 5 }])).toEqual(low);
    expect(learnUse(low, [{ limitTokens: 100, usedTokens: 0 }])).toEqual(low);
    expect(learnUse(low, [{ limitTokens: 1, usedTokens: 9 }])[0]).toBeCloseTo(0.51, 12);
  });
});

describe('the desired copies, exactly at their bounds', () => {
  const settings = { ...defaultScaling, minCopies: 1, maxCopies: 4, targetUtilization: 0.5, maxPressure: 1 };
  /** A demand that needs this many copies at 100 tokens per second, half of which is used. */
  const demandOf = (copies: number) => ({ tokensPerSecond: copies * 50 });
  const desired = (copies: number, changes = {}, load = emptyLoad) =>
    desiredCopies(demandOf(copies), load, capacity, { ...settings, ...changes });

  it.each([
    [0.5, { copies: 1, because: 'minimum' }],
    [1, { copies: 1, because: 'minimum' }],
    [1.01, { copies: 2, because: 'demand' }],
    [3.5, { copies: 4, because: 'demand' }],
    [4, { copies: 4, because: 'demand' }],
    [4.01, { copies: 4, because: 'maximum' }],
  ])('of a demand of %d copies are %j', (copies, expected) => {
    expect(desired(copies)).toEqual(expected);
  });

  it('of whole instances never exceed the maximum, which is then enough', () => {
    expect(desired(2.5, { copiesPerInstance: 2 })).toEqual({ copies: 4, because: 'demand' });
    expect(desired(4, { copiesPerInstance: 3 })).toEqual({ copies: 4, because: 'demand' });
  });

  it('are 0 for a demand that fades, unless a request runs', () => {
    expect(desired(0.019, { minCopies: 0 })).toEqual({ copies: 0, because: 'minimum' });
    expect(desired(0.02, { minCopies: 0 })).toEqual({ copies: 1, because: 'demand' });
    expect(desired(0, { minCopies: 0 }, { ...emptyLoad, requests: 1 })).toEqual({ copies: 1, because: 'cache' });
  });

  it('follow the cache or the places if the demand asks for less', () => {
    expect(desired(1, {}, loadOf(2_500))).toEqual({ copies: 3, because: 'cache' });
    expect(desired(1, {}, loadOf(0, { requests: 25 }))).toEqual({ copies: 3, because: 'cache' });
    expect(desired(1, { maxPressure: 2 }, loadOf(0, { requests: 25 }))).toEqual({ copies: 2, because: 'cache' });
    expect(desired(2.5, {}, loadOf(2_500))).toEqual({ copies: 3, because: 'demand' });
  });
});
