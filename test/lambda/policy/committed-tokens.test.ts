import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cachedShare, learnCached, noPrompts } from '../../../lambda/policy/cached-prompts.ts';
import { committedTokens, type Lease, reservedTokens } from '../../../lambda/policy/committed-tokens.ts';
import { capacityOf, newControllerState } from '../../../lambda/policy/controller.ts';
import { expectedTokens, learnUse, unknownUse } from '../../../lambda/policy/expected-use.ts';
import { copiesForPressure, pressureOf } from '../../../lambda/policy/load.ts';
import { accountOfLeases } from '../../../lambda/policy/load-account.ts';
import { learnSpeed, promptSpeed, speedAt, speedOfProfile } from '../../../lambda/policy/measured-speed.ts';
import { learnSizes, noSizes, tokenMeanSize } from '../../../lambda/policy/request-sizes.ts';
import { workOf } from '../../../lambda/policy/work.ts';
import { anyLoad, capacity, loadOf } from './loads.ts';

const lease = (part: Partial<Lease> = {}): Lease => ({
  key: 'a',
  promptTokens: 100,
  limitTokens: 1_000,
  minTokens: 0,
  usedTokens: 0,
  until: 100,
  ...part,
});

describe('Committed tokens', () => {
  it('committed tokens are the rest of the limit, at least 0', () => {
    expect(committedTokens({ limitTokens: 1_000 }, 300)).toBe(700);
    expect(committedTokens({ limitTokens: 1_000 }, 1_200)).toBe(0);
  });

  it('the load of an endpoint is the sum of its leases, in total and by key', () => {
    const account = accountOfLeases([lease({ usedTokens: 400 }), lease({ key: 'b', limitTokens: 3_000 })], {
      now: 50,
      use: unknownUse(),
    });
    expect(account.load(2, 1)).toEqual({
      copies: 2,
      startingCopies: 1,
      requests: 2,
      // Only the first one has a token.
      waitingRequests: 1,
      promptTokens: 200,
      waitingPromptTokens: 100,
      committedTokens: 600 + 3_000,
      reservedTokens: 1_100 + 3_100,
    });
    expect(account.keyLoad('a')).toEqual({ reservedTokens: 1_100, activeKeys: 2 });
    expect(account.keyLoad('b')).toEqual({ reservedTokens: 3_100, activeKeys: 2 });
    expect(account.keyLoad('c')).toEqual({ reservedTokens: 0, activeKeys: 3 });
  });

  it('the tokens of a function that died are free when its lease expires', () => {
    const at = (now: number) => accountOfLeases([lease()], { now, use: unknownUse() }).requests;
    expect(at(99)).toBe(1);
    expect(at(100)).toBe(0);
  });
});

describe('Expected use', () => {
  it('the expected use without data is the whole limit', () => {
    expect(expectedTokens(unknownUse(), 5_000)).toBe(5_000);
  });

  it('the expected use converges to the actual use of its size class and leaves other classes unchanged', () => {
    const use = learnUse(unknownUse(), new Array(500).fill({ limitTokens: 10_000, usedTokens: 2_500 }));
    expect(expectedTokens(use, 10_000)).toBeCloseTo(2_500, -1);
    expect(expectedTokens(use, 1_000)).toBe(1_000);
  });

  it('the reservation covers the forced minimum and the prompt', () => {
    const use = learnUse(unknownUse(), new Array(500).fill({ limitTokens: 10_000, usedTokens: 1 }));
    expect(reservedTokens({ promptTokens: 50, limitTokens: 10_000, minTokens: 4_000 }, use)).toBe(4_050);
  });
});

describe('Pressure', () => {
  it('pressure is 1 if the requests fill the usable cache of all copies on average', () => {
    expect(pressureOf(loadOf(1, 3), capacity)).toBeCloseTo(1, 9);
  });

  it('pressure counts places if they are scarcer than cache', () => {
    expect(pressureOf({ ...loadOf(0.1, 1), requests: 512 }, capacity)).toBe(2);
  });

  it('pressure is infinite without a copy, and 0 without a request', () => {
    expect(pressureOf({ ...loadOf(1), copies: 0 }, capacity)).toBe(Number.POSITIVE_INFINITY);
    expect(pressureOf({ ...loadOf(0), copies: 0 }, capacity)).toBe(0);
  });
});

describe('Work', () => {
  it('prompts and output add up, and cached tokens cost nothing', () => {
    expect(workOf({ promptTokens: 40_000, outputTokens: 4_000 }, capacity)).toBe(2 + 2);
    const cached = learnCached(noPrompts, new Array(50).fill({ promptTokens: 1_000, cachedTokens: 600 }));
    expect(cachedShare(cached)).toBeCloseTo(0.6, 9);
    const { promptTokensPerSecond } = capacityOf(capacity, {
      ...newControllerState({ stepSeconds: 0.0256, fullRequests: 10, fullStepSeconds: 0.05 }),
      cached,
    });
    expect(promptTokensPerSecond).toBeCloseTo(10_000 / 0.4, 0);
  });

  it('servers that report no cached tokens change nothing', () => {
    expect(learnCached(noPrompts, [{ promptTokens: 1_000 }])).toEqual(noPrompts);
  });

  it('few long requests have a higher pressure than many short ones with the same sum', () => {
    const sizes = (tokens: number) => tokenMeanSize(learnSizes(noSizes, [{ promptTokens: tokens, usedTokens: 0 }]));
    const pressure = (tokens: number) => pressureOf(loadOf(0.5), { ...capacity, requestTokens: sizes(tokens) });
    expect(sizes(30_000)).toBe(30_000);
    expect(pressure(30_000)).toBeGreaterThan(pressure(1_000) * 1.3);
  });

  it('the copies for a pressure have this pressure', () => {
    fc.assert(
      fc.property(
        anyLoad,
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        fc.nat({ max: 50_000 }),
        (load, pressure, size) => {
          const uneven = { ...capacity, requestTokens: size };
          const copies = copiesForPressure(load, uneven, pressure);
          if (copies > 0) expect(pressureOf(load, uneven, copies)).toBeCloseTo(pressure, 6);
        },
      ),
      { seed: 7 },
    );
  });
});

describe('Measured speed', () => {
  const stepOf = (requests: number) => 0.02 + 0.0002 * requests;
  const measurement = (requests: number) => ({
    tokens: (requests * 10) / stepOf(requests),
    promptTokens: 0,
    copySeconds: 10,
    requestsPerCopy: requests,
  });

  it('the measured speed starts with the profile', () => {
    const fit = speedOfProfile(stepOf(1), { requests: 100, stepSeconds: stepOf(100) }, 15_000);
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), 6);
    expect(speedAt(fit, 50)).toBeCloseTo(50 / stepOf(50), 6);
  });

  it('the speed of a full copy is derived from measurements of half-empty copies', () => {
    let fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 }, 15_000);
    for (let turn = 0; turn < 2_000; turn++) fit = learnSpeed(fit, measurement(20 + (turn % 30)));
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), -2);
  });

  it('prefill is measured apart from decode, although they share the steps', () => {
    let fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 }, 15_000);
    for (let turn = 0; turn < 2_000; turn++) {
      const requests = 20 + (turn % 30);
      const promptTokens = 1_000 * (turn % 41);
      // What is left of ten seconds after the prompts at 8,000 tokens per second.
      const tokens = (requests * (10 - promptTokens / 8_000)) / stepOf(requests);
      fit = learnSpeed(fit, { tokens, promptTokens, copySeconds: 10, requestsPerCopy: requests });
    }
    expect(promptSpeed(fit)).toBeCloseTo(8_000, -2);
    expect(speedAt(fit, 40)).toBeCloseTo(40 / stepOf(40), -1);
  });

  it('a prefill speed that was never measured is that of the profile', () => {
    expect(promptSpeed(speedOfProfile(0.02, { requests: 100, stepSeconds: 0.04 }, 15_000))).toBeCloseTo(15_000, 0);
    let fit = speedOfProfile(0.02, { requests: 100, stepSeconds: 0.04 }, 15_000);
    for (let turn = 0; turn < 3_000; turn++) fit = learnSpeed(fit, measurement(20 + (turn % 30)));
    expect(promptSpeed(fit)).toBeGreaterThan(15_000 / 4.1);
    expect(promptSpeed(fit)).toBeLessThan(15_000 * 4.1);
  });

  it('measurements of copies without requests are ignored', () => {
    const fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 }, 15_000);
    expect(learnSpeed(fit, { tokens: 0, promptTokens: 0, copySeconds: 10, requestsPerCopy: 0 })).toBe(fit);
  });
});
