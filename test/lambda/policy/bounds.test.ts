import { describe, expect, it } from 'vitest';
import { admission, defaultAdmission, retryAfterSeconds, waitSeconds } from '../../../lambda/policy/admission.ts';
import { cachedShare, learnCached, noPrompts } from '../../../lambda/policy/cached-prompts.ts';
import { measureDemand, noDemand } from '../../../lambda/policy/demand.ts';
import { defaultScaling, desiredCopies } from '../../../lambda/policy/desired-copies.ts';
import { expectedTokens, learnUse, unknownUse } from '../../../lambda/policy/expected-use.ts';
import { type CopyCapacity, copiesForPressure, emptyLoad, type Load, pressureOf } from '../../../lambda/policy/load.ts';
import { learnSizes, noSizes, tokenMeanSize } from '../../../lambda/policy/request-sizes.ts';
import { atZeroCopies } from '../../../lambda/policy/zero-copies.ts';

/** One copy: 73,000 usable tokens of cache, 10 places, 1,460 output tokens or 14,600 prompt tokens per second. */
const capacity: CopyCapacity = {
  cacheTokens: 100_000,
  maxRequests: 10,
  tokensPerSecond: 1_460,
  promptTokensPerSecond: 14_600,
  requestTokens: 0,
};
/** A load without prompts that gives one copy this pressure, as it holds half of what it reserves: 100 s of work per 1. */
const loadOf = (pressure: number, changes: Partial<Load> = {}): Load => ({
  ...emptyLoad,
  copies: 1,
  requests: 1,
  reservedTokens: pressure * 146_000,
  committedTokens: pressure * 146_000,
  ...changes,
});
const fullAt = 1;

describe('the wait that a load means, exactly at its bounds', () => {
  it('is 0 at a full endpoint, and that of the excess one token above', () => {
    expect(waitSeconds(loadOf(1), capacity, fullAt)).toBe(0);
    expect(waitSeconds(loadOf(1, { reservedTokens: 146_001, committedTokens: 146_001 }), capacity, fullAt)).toBeCloseTo(
      1 / 1_460,
      9,
    );
  });

  it('counts only what is still to be generated', () => {
    expect(waitSeconds(loadOf(2, { committedTokens: 14_600 }), capacity, fullAt)).toBeCloseTo(5, 9);
    expect(waitSeconds(loadOf(2, { committedTokens: 9_999_999 }), capacity, fullAt)).toBeCloseTo(100, 9);
  });

  it('counts the prompts that wait at the speed of prompts, and never the others', () => {
    // A pressure of 2: prompts of 146,000 tokens count in full, and no output is expected.
    const prompts = loadOf(1, { promptTokens: 146_000, committedTokens: 0 });
    expect(waitSeconds(prompts, capacity, fullAt)).toBe(0);
    expect(waitSeconds({ ...prompts, reservedTokens: 200_000, committedTokens: 9_999_999 }, capacity, 0)).toBeCloseTo(
      54_000 / 1_460,
      9,
    );
    const waiting = { ...prompts, waitingPromptTokens: 146_000, reservedTokens: 146_000 };
    expect(waitSeconds({ ...waiting, reservedTokens: 100_000 }, capacity, 0)).toBeCloseTo(10, 9);
    expect(waitSeconds(waiting, capacity, 0)).toBeCloseTo(10, 9);
  });

  it('ends at the start of a further copy if both copies have room, and before it if the load falls sooner', () => {
    const load = loadOf(2, { startingCopies: 1 });
    expect(waitSeconds(load, capacity, fullAt, 40)).toBe(40);
    expect(waitSeconds(load, capacity, fullAt, 95)).toBe(95);
    expect(waitSeconds(load, capacity, fullAt, 100)).toBeCloseTo(100, 9);
    expect(waitSeconds(load, capacity, fullAt, 600)).toBeCloseTo(100, 9);
    expect(waitSeconds(load, capacity, fullAt)).toBeCloseTo(100, 9);
  });

  it('goes on at the speed of all copies if both are too few', () => {
    // 400 s of work at two copies: half of it is excess, less 50 s of the first copy, by two copies.
    expect(waitSeconds(loadOf(4, { startingCopies: 1 }), capacity, fullAt, 50)).toBeCloseTo(50 + 150 / 2, 9);
    // What the first copy does until then is enough.
    expect(waitSeconds(loadOf(4, { startingCopies: 1 }), capacity, fullAt, 250)).toBeCloseTo(250, 9);
  });

  it('is infinite without a copy, and that of the start with one that has room', () => {
    expect(waitSeconds(loadOf(0.1, { copies: 0 }), capacity, fullAt)).toBe(Number.POSITIVE_INFINITY);
    expect(waitSeconds(loadOf(0.1, { copies: 0, startingCopies: 1 }), capacity, fullAt, 30)).toBe(30);
    expect(waitSeconds(loadOf(0.1, { copies: 0, startingCopies: 1 }), capacity, fullAt)).toBe(Number.POSITIVE_INFINITY);
    // No copy starts, whatever is left to do.
    const idle = loadOf(0.1, { copies: 0, committedTokens: 0 });
    expect(waitSeconds(idle, capacity, fullAt, 30)).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    [0, 1],
    [1, 1],
    [1.000_1, 2],
    [3_599.5, 3_600],
    [3_600, 3_600],
    [3_600.1, 3_600],
    [Number.NaN, 3_600],
  ])('of %d seconds is a Retry-After of %d', (seconds, header) => {
    expect(retryAfterSeconds(seconds)).toBe(header);
  });
});

describe('the decision of admission, exactly at its bounds', () => {
  const settings = { fullAt, maxQueueSeconds: 100 };
  // A wait of 100 s, and one slightly above it.
  const longest = loadOf(2);
  const tooLong = loadOf(2.001);
  const shareOf = (share: number, activeKeys: number, load = longest) => ({
    reservedTokens: load.reservedTokens * share,
    activeKeys,
  });

  it('a request is admitted at a wait of 0, queues at the longest wait, and is refused above it', () => {
    expect(admission(loadOf(1), capacity, undefined, settings)).toEqual({ kind: 'admit' });
    expect(admission(longest, capacity, undefined, settings)).toEqual({ kind: 'queue', expectedWaitSeconds: 100 });
    expect(admission(tooLong, capacity, undefined, settings)).toEqual({
      kind: 'refuse',
      status: 503,
      retryAfterSeconds: 1,
      because: 'endpoint_full',
    });
  });

  it('a longest wait of 0 refuses every request that would wait, and admits one that would not', () => {
    const none = { fullAt, maxQueueSeconds: 0 };
    expect(admission(loadOf(1), capacity, undefined, none)).toEqual({ kind: 'admit' });
    expect(admission(loadOf(1.001), capacity, undefined, none)).toMatchObject({ kind: 'refuse' });
  });

  it('a key with one and a half equal shares waits as long as others, and one with more proportionally shorter', () => {
    expect(admission(longest, capacity, shareOf(0.75, 2), settings)).toMatchObject({ kind: 'queue' });
    // Twice its share: 100 s / (2 / 1.5) = 75 s, and the wait is 100 s.
    expect(admission(longest, capacity, shareOf(1, 2), settings)).toEqual({
      kind: 'refuse',
      status: 429,
      retryAfterSeconds: 25,
      because: 'key_over_its_part',
    });
  });

  it('a refused key with exactly its share is told that the endpoint is full', () => {
    expect(admission(tooLong, capacity, shareOf(0.5, 2, tooLong), settings)).toMatchObject({ status: 503 });
    expect(admission(tooLong, capacity, shareOf(0.51, 2, tooLong), settings)).toMatchObject({ status: 429 });
  });

  it('a request at no copy waits for the starting ones, or for one', () => {
    const asleep = loadOf(2, { copies: 0 });
    expect(admission(asleep, capacity, undefined, settings)).toMatchObject({ kind: 'queue', expectedWaitSeconds: 100 });
    const two = { ...asleep, startingCopies: 2 };
    expect(admission(two, capacity, undefined, settings)).toEqual({ kind: 'admit' });
  });

  it('the defaults are a pressure of 1.7 and two minutes', () => {
    expect(defaultAdmission).toEqual({ fullAt: 1.7, maxQueueSeconds: 120 });
  });
});

describe('the pressure of a load', () => {
  it('is that of the scarcer of cache and places', () => {
    expect(pressureOf(loadOf(0.5, { requests: 2 }), capacity)).toBe(0.5);
    expect(pressureOf(loadOf(0.5, { requests: 8 }), capacity)).toBe(0.8);
    expect(pressureOf(loadOf(0.5, { requests: 8, copies: 2 }), capacity)).toBe(0.4);
  });

  it('is 0 without a request, even without a copy, and infinite with a request and no copy', () => {
    expect(pressureOf(emptyLoad, capacity)).toBe(0);
    expect(pressureOf({ ...emptyLoad, requests: 1 }, capacity)).toBe(Number.POSITIVE_INFINITY);
  });

  it('counts a prompt in full, and the output by half', () => {
    // 36,500 tokens of prompt are half of the cache; of as much output, half of that.
    expect(pressureOf(loadOf(0, { reservedTokens: 36_500, promptTokens: 36_500 }), capacity)).toBe(0.5);
    expect(pressureOf(loadOf(0, { reservedTokens: 36_500 }), capacity)).toBe(0.25);
  });

  it('adds one standard deviation, the root of what a copy holds times the size of its requests', () => {
    // A copy holds 40,000 tokens of requests of 10,000: 40,000 + √(40,000 × 10,000) = 60,000.
    const long = { ...capacity, requestTokens: 10_000 };
    expect(pressureOf(loadOf(0, { reservedTokens: 80_000 }), long)).toBeCloseTo(60 / 73, 12);
    expect(pressureOf(loadOf(0, { reservedTokens: 80_000, copies: 4 }), long)).toBeCloseTo(20 / 73, 12);
  });

  it('is met by the number of copies for it, by cache and by places', () => {
    const sized = { ...capacity, requestTokens: 2_000 };
    const load = loadOf(3, { promptTokens: 9_000 });
    expect(pressureOf(load, sized, copiesForPressure(load, sized, 0.75))).toBeCloseTo(0.75, 9);
    expect(copiesForPressure(loadOf(0, { requests: 25 }), capacity, 0.5)).toBe(5);
  });
});

describe('a request at no copy', () => {
  const settings = { waitForCopy: true, maxWaitSeconds: 60, startSeconds: 60, retryWakeSeconds: 30 };
  const answerOf = (changes: object) => atZeroCopies({ kind: 'asleep' }, { ...settings, ...changes }, 0).answer;

  it('waits as long as it may, and not longer', () => {
    expect(answerOf({})).toEqual({ kind: 'wait', expectedSeconds: 60 });
    expect(answerOf({ startSeconds: 61 })).toMatchObject({ code: 'endpoint_starting', retryAfterSeconds: 61 });
    expect(answerOf({ waitForCopy: false })).toMatchObject({ code: 'endpoint_starting', retryAfterSeconds: 60 });
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

describe('what is learnt from prompts', () => {
  it('is the share that a cache held, of which the last hundred requests count most', () => {
    const learned = learnCached({ promptTokens: 100, cachedTokens: 50 }, [{ promptTokens: 100, cachedTokens: 20 }]);
    expect(learned.promptTokens).toBeCloseTo(199, 9);
    expect(learned.cachedTokens).toBeCloseTo(69.5, 9);
    expect(cachedShare({ promptTokens: 200, cachedTokens: 50 })).toBe(0.25);
  });

  it('is not above the prompt, leaves a last block, and is 0 without a prompt', () => {
    expect(learnCached(noPrompts, [{ promptTokens: 100, cachedTokens: 900 }])).toEqual({
      promptTokens: 100,
      cachedTokens: 100,
    });
    expect(cachedShare({ promptTokens: 100, cachedTokens: 100 })).toBe(0.98);
    expect(cachedShare(noPrompts)).toBe(0);
  });

  it('skips the servers that report nothing, and counts those that report 0', () => {
    const reports = [{ promptTokens: 100 }, { promptTokens: 10, cachedTokens: 0 }];
    expect(learnCached(noPrompts, reports)).toEqual({ promptTokens: 10, cachedTokens: 0 });
  });

  it('has the size of the requests in a cache: the prompt and half of the output, weighted by itself', () => {
    const sizes = learnSizes(noSizes, [{ promptTokens: 100, usedTokens: 200 }]);
    expect(sizes).toEqual({ tokens: 200, squares: 40_000 });
    const both = learnSizes(sizes, [{ promptTokens: 1_000, usedTokens: 0 }]);
    expect(both.tokens).toBeCloseTo(1_199.8, 9);
    expect(both.squares).toBeCloseTo(1_039_960, 6);
    expect(tokenMeanSize({ tokens: 200, squares: 40_000 })).toBe(200);
    expect(tokenMeanSize(noSizes)).toBe(0);
  });
});

describe('the demand', () => {
  const held = { requests: 8, reservedTokens: 800, promptTokens: 80 };
  const weight = 1 - Math.exp(-0.1);

  it('moves each of its averages towards what was measured', () => {
    const before = {
      tokensPerSecond: 10,
      promptTokensPerSecond: 20,
      held: { requests: 2, reservedTokens: 200, promptTokens: 20 },
    };
    const demand = measureDemand(before, { outputTokens: 600, promptTokens: 1_200, seconds: 10 }, held, 100);
    expect(demand.tokensPerSecond).toBeCloseTo(10 + 50 * weight, 9);
    expect(demand.promptTokensPerSecond).toBeCloseTo(20 + 100 * weight, 9);
    expect(demand.held.requests).toBeCloseTo(2 + 6 * weight, 9);
    expect(demand.held.reservedTokens).toBeCloseTo(200 + 600 * weight, 9);
    expect(demand.held.promptTokens).toBeCloseTo(20 + 60 * weight, 9);
  });

  it('is not measured in no time', () => {
    expect(measureDemand(noDemand, { outputTokens: 600, promptTokens: 1, seconds: 0 }, held, 100)).toBe(noDemand);
  });
});

describe('the desired copies, exactly at their bounds', () => {
  const settings = {
    ...defaultScaling,
    minCopies: 1,
    maxCopies: 4,
    targetUtilization: 0.5,
    maxPressure: 1,
    maxMeanPressure: 1,
  };
  /** A demand whose output takes half of the time of so many copies. */
  const demandOf = (copies: number) => ({ ...noDemand, tokensPerSecond: copies * 730 });
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
    expect(desired(1, {}, loadOf(2.5))).toEqual({ copies: 3, because: 'cache' });
    expect(desired(1, {}, loadOf(0, { requests: 25 }))).toEqual({ copies: 3, because: 'cache' });
    expect(desired(1, { maxPressure: 2 }, loadOf(0, { requests: 25 }))).toEqual({ copies: 2, because: 'cache' });
    expect(desired(2.5, {}, loadOf(2.5))).toEqual({ copies: 3, because: 'demand' });
  });

  it('follow the mean of what was held at its own pressure, which is at most that of a peak', () => {
    const { requests, reservedTokens, promptTokens } = loadOf(2.5);
    const demand = { ...noDemand, held: { requests, reservedTokens, promptTokens } };
    const mean = (changes: object) => desiredCopies(demand, emptyLoad, capacity, { ...settings, ...changes });
    expect(mean({})).toEqual({ copies: 3, because: 'cache' });
    expect(mean({ maxMeanPressure: 0.75 })).toEqual({ copies: 4, because: 'cache' });
    expect(mean({ maxMeanPressure: 9 })).toEqual({ copies: 3, because: 'cache' });
  });

  it('by default keep a peak below a pressure of 1.2 and the mean below 0.75', () => {
    expect(defaultScaling).toMatchObject({ maxPressure: 1.2, maxMeanPressure: 0.75, targetUtilization: 0.85 });
  });
});
