import { describe, expect, it } from 'vitest';
import { committedTokens, type Lease, loadOfLeases, reservedTokens } from '../../../lambda/policy/committed-tokens.ts';
import { expectedTokens, learnUse, unknownUse } from '../../../lambda/policy/expected-use.ts';
import { pressureOf } from '../../../lambda/policy/load.ts';
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
  it('are what is left of the limit, and never less than nothing', () => {
    expect(committedTokens({ limitTokens: 1_000 }, 300)).toBe(700);
    expect(committedTokens({ limitTokens: 1_000 }, 1_200)).toBe(0);
  });

  it('of an endpoint are those of its leases, by key', () => {
    const { load, reservedByKey } = loadOfLeases(
      [lease({ usedTokens: 400 }), lease({ key: 'b', limitTokens: 3_000 })],
      { now: 50, use: unknownUse(), copies: 2, startingCopies: 1 },
    );
    expect(load).toEqual({
      copies: 2,
      startingCopies: 1,
      requests: 2,
      committedTokens: 600 + 3_000,
      reservedTokens: 1_100 + 3_100,
    });
    expect(Object.fromEntries(reservedByKey)).toEqual({ a: 1_100, b: 3_100 });
  });

  it('of a function that died are free when its lease has run out', () => {
    const at = (now: number) =>
      loadOfLeases([lease()], { now, use: unknownUse(), copies: 1, startingCopies: 0 }).load.requests;
    expect(at(99)).toBe(1);
    expect(at(100)).toBe(0);
  });
});

describe('Expected use', () => {
  it('is the whole limit while nothing was seen', () => {
    expect(expectedTokens(unknownUse(), 5_000)).toBe(5_000);
  });

  it('comes near to what requests with such limits use, and leaves other sizes alone', () => {
    let use = unknownUse();
    for (let request = 0; request < 500; request++) use = learnUse(use, 10_000, 2_500);
    expect(expectedTokens(use, 10_000)).toBeCloseTo(2_500, -1);
    expect(expectedTokens(use, 1_000)).toBe(1_000);
  });

  it('is at least the minimum that is forced, and reserved with the prompt', () => {
    let use = unknownUse();
    for (let request = 0; request < 500; request++) use = learnUse(use, 10_000, 0);
    expect(reservedTokens({ promptTokens: 50, limitTokens: 10_000, minTokens: 4_000 }, use)).toBe(4_050);
  });
});

describe('Pressure', () => {
  it('is 1 where reservations fill the cache of all copies', () => {
    expect(pressureOf(loadOf(1, 3), capacity)).toBeCloseTo(1, 9);
  });

  it('counts places where they are scarcer than cache', () => {
    expect(pressureOf({ ...loadOf(0.1, 1), requests: 512 }, capacity)).toBe(2);
  });

  it('has no end without a copy, and is 0 without a request', () => {
    expect(pressureOf({ ...loadOf(1), copies: 0 }, capacity)).toBe(Number.POSITIVE_INFINITY);
    expect(pressureOf({ ...loadOf(0), copies: 0 }, capacity)).toBe(0);
  });
});

describe('Measured speed', () => {
  const stepOf = (requests: number) => 0.02 + 0.0002 * requests;
  const look = (requests: number) => ({
    tokens: (requests * 10) / stepOf(requests),
    copySeconds: 10,
    requestsPerCopy: requests,
  });

  it('begins with the profile', () => {
    const fit = speedOfProfile(stepOf(1), { requests: 100, stepSeconds: stepOf(100) });
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), 6);
    expect(speedAt(fit, 50)).toBeCloseTo(50 / stepOf(50), 6);
  });

  it('tells the speed of a full copy from looks at copies that were half empty', () => {
    let fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 });
    for (let turn = 0; turn < 2_000; turn++) fit = learnSpeed(fit, look(20 + (turn % 30)));
    expect(speedAt(fit, 100)).toBeCloseTo(100 / stepOf(100), -2);
  });

  it('learns nothing from copies without requests', () => {
    const fit = speedOfProfile(0.1, { requests: 100, stepSeconds: 0.2 });
    expect(learnSpeed(fit, { tokens: 0, copySeconds: 10, requestsPerCopy: 0 })).toBe(fit);
  });
});
