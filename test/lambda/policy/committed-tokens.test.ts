import { describe, expect, it } from 'vitest';
import { committedTokens, type Lease, reservedTokens } from '../../../lambda/policy/committed-tokens.ts';
import { expectedTokens, learnUse, unknownUse } from '../../../lambda/policy/expected-use.ts';
import { pressureOf } from '../../../lambda/policy/load.ts';
import { accountOfLeases } from '../../../lambda/policy/load-account.ts';
import { learnSpeed, speedAt, speedOfProfile } from '../../../lambda/policy/measured-speed.ts';
import { capacity, loadOf } from './loads.ts';

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
  it('pressure is 1 if the reservations fill the cache of all copies', () => {
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

describe('Measured speed', () => {
  const stepOf = (requests: number) => 0.02 + 0.0002 * requests;
  const measurement = (requests: number) => ({
    tokens: (requests * 10) / stepOf(requests),
    copySeconds: 10,
    requestsPerCopy: requests,
  });

  it('the measured speed starts with the profile', () => {
    const fit = speedOfProfile(stepOf(1), { requests: 100, stepSeconds: stepOf(100) });
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), 6);
    expect(speedAt(fit, 50)).toBeCloseTo(50 / stepOf(50), 6);
  });

  it('the speed of a full copy is derived from measurements of half-empty copies', () => {
    let fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 });
    for (let turn = 0; turn < 2_000; turn++) fit = learnSpeed(fit, measurement(20 + (turn % 30)));
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), -2);
  });

  it('measurements of copies without requests are ignored', () => {
    const fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 });
    expect(learnSpeed(fit, { tokens: 0, copySeconds: 10, requestsPerCopy: 0 })).toBe(fit);
  });
});
