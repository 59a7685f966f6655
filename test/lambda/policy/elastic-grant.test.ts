import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultElastic, elasticGrant, isOverGrant } from '../../../lambda/policy/elastic-grant.ts';
import { emptyLoad } from '../../../lambda/policy/load.ts';
import { anyLoad, capacity, loadOf } from './loads.ts';

const request = { floorTokens: 1_000, ceilingTokens: 9_000 };
const anyRequest = fc
  .tuple(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 30_000 }))
  .map(([a, b]) => ({ floorTokens: Math.min(a, b), ceilingTokens: Math.max(a, b) }));
const anyKey = fc.record({
  reservedTokens: fc.integer({ min: 0, max: 5_000_000 }),
  activeKeys: fc.integer({ min: 1, max: 50 }),
});

describe('An elastic grant', () => {
  it('an elastic grant is the ceiling if the endpoint has room', () => {
    expect(elasticGrant(request, loadOf(defaultElastic.shrinkFrom), capacity)).toBe(9_000);
  });

  it('an elastic grant is the floor if the endpoint is full', () => {
    expect(elasticGrant(request, loadOf(defaultElastic.shrinkTo), capacity)).toBe(1_000);
  });

  it('an elastic grant is halfway between floor and ceiling in the middle of the range', () => {
    const { shrinkFrom, shrinkTo } = defaultElastic;
    expect(elasticGrant(request, loadOf((shrinkFrom + shrinkTo) / 2), capacity)).toBe(5_000);
  });

  it('an elastic grant is a whole number from floor to ceiling for every load and key', () => {
    fc.assert(
      fc.property(anyRequest, anyLoad, anyKey, (asked, load, key) => {
        const granted = elasticGrant(asked, load, capacity, key);
        expect(Number.isInteger(granted)).toBe(true);
        expect(granted).toBeGreaterThanOrEqual(asked.floorTokens);
        expect(granted).toBeLessThanOrEqual(asked.ceilingTokens);
      }),
      { seed: 7 },
    );
  });

  it('an elastic grant never increases with the load', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 3, noNaN: true }), (a, b) => {
        const less = elasticGrant(request, loadOf(Math.min(a, b)), capacity);
        const more = elasticGrant(request, loadOf(Math.max(a, b)), capacity);
        expect(more).toBeLessThanOrEqual(less);
      }),
      { seed: 7 },
    );
  });

  it('under pressure, a key above its share is granted less, and a key below its share more', () => {
    const load = loadOf(1);
    const heavy = { reservedTokens: load.reservedTokens * 0.8, activeKeys: 2 };
    const light = { reservedTokens: load.reservedTokens * 0.2, activeKeys: 2 };
    const even = elasticGrant(request, load, capacity);
    expect(elasticGrant(request, load, capacity, heavy)).toBeLessThan(even);
    expect(elasticGrant(request, load, capacity, light)).toBeGreaterThan(even);
    const calm = loadOf(0.3);
    expect(elasticGrant(request, calm, capacity, { ...heavy, reservedTokens: calm.reservedTokens })).toBe(9_000);
  });

  // Requests arrive at a constant rate, think as long as granted, and hold their reservation until then. At full budgets they
  // would be twice the capacity: the grant must converge and stay stable.
  const closedLoop = (
    settings: { readonly shrinkFrom: number; readonly shrinkTo: number },
    stalenessSeconds: number,
  ) => {
    const running: { readonly endsAt: number; readonly tokens: number }[] = [];
    const reservedAt: number[] = [];
    const grants: number[] = [];
    let reserved = 0;
    for (let second = 0; second < 6_000; second++) {
      while ((running[0]?.endsAt ?? Number.POSITIVE_INFINITY) <= second) reserved -= running.shift()?.tokens ?? 0;
      reservedAt.push(reserved);
      const seen = reservedAt[Math.max(0, second - stalenessSeconds)] ?? 0;
      const load = {
        ...emptyLoad,
        copies: 1,
        requests: 1 + running.length,
        reservedTokens: seen,
        committedTokens: seen,
      };
      const granted = elasticGrant({ floorTokens: 100, ceilingTokens: 2_000 }, load, capacity, undefined, settings);
      grants.push(granted);
      reserved += granted;
      running.push({ endsAt: second + 100, tokens: granted });
    }
    const late = grants.slice(-1_000);
    return { min: Math.min(...late), max: Math.max(...late), mean: late.reduce((a, b) => a + b, 0) / late.length };
  };

  it('elastic grants settle without oscillation, even if the observed load is 10 seconds old', () => {
    const { min, max, mean } = closedLoop(defaultElastic, 10);
    expect(mean).toBeGreaterThan(150);
    expect(mean).toBeLessThan(1_500);
    expect((max - min) / mean).toBeLessThan(0.02);
  });

  it('elastic grants oscillate if the range is almost a switch', () => {
    const { min, max, mean } = closedLoop({ shrinkFrom: 0.99, shrinkTo: 1.01 }, 10);
    expect((max - min) / mean).toBeGreaterThan(0.5);
  });
});

describe('A running thought', () => {
  it('a running thought continues if the endpoint has room', () => {
    expect(isOverGrant(request, 8_999, loadOf(0.9), capacity)).toBe(false);
  });

  it('a running thought is cut if it is longer than its current grant', () => {
    const { cut } = defaultElastic;
    expect(isOverGrant(request, 1_000, loadOf(cut?.shrinkTo ?? 0), capacity)).toBe(true);
  });

  it('a running thought is never cut below its floor', () => {
    fc.assert(
      fc.property(anyRequest, anyLoad, anyKey, fc.integer({ min: 0, max: 30_000 }), (asked, load, key, used) => {
        fc.pre(used < asked.floorTokens);
        expect(isOverGrant(asked, used, load, capacity, key)).toBe(false);
      }),
      { seed: 7 },
    );
  });

  it('a running thought is never cut if cutting is disabled', () => {
    expect(isOverGrant(request, 9_000, loadOf(3), capacity, undefined, { shrinkFrom: 0.7, shrinkTo: 1.3 })).toBe(false);
  });
});
