import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastTrials, upperBound95 } from '../../../evaluate/statistics/clopper-pearson.ts';

/** P(X ≤ events), term by term. */
function tail(events: number, count: number, share: number): number {
  let sum = 0;
  for (let k = 0; k <= events; k++) {
    let ways = 1;
    for (let index = 1; index <= k; index++) ways = (ways * (count - k + index)) / index;
    sum += ways * share ** k * (1 - share) ** (count - k);
  }
  return sum;
}

describe('the upper bound of Clopper and Pearson', () => {
  it('is 1 - 0.05^(1/n) without an event', () => {
    for (const count of [1, 20, 59, 500]) expect(upperBound95(0, count)).toBeCloseTo(1 - 0.05 ** (1 / count), 9);
  });

  it('is 1 if every trial is an event', () => {
    expect(upperBound95(7, 7)).toBe(1);
  });

  it('is the share at which so few events come in 5 % of the samples', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(59), (count, events) => {
        fc.pre(events < count);
        expect(tail(events, count, upperBound95(events, count))).toBeCloseTo(0.05, 6);
      }),
    );
  });

  it('does not underflow for many trials', () => {
    const bound = upperBound95(40_000, 100_000);
    expect(bound).toBeGreaterThan(0.4);
    expect(bound).toBeLessThan(0.404);
  });

  it('says how many trials without an event a bound takes', () => {
    expect(leastTrials(0.05)).toBe(59);
    expect(upperBound95(0, 59)).toBeLessThanOrEqual(0.05);
    expect(upperBound95(0, 58)).toBeGreaterThan(0.05);
  });
});
