import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultElastic, elasticGrant, isOverGrant } from '../../../lambda/policy/elastic-grant.ts';
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
  it('is the ceiling on an endpoint with room', () => {
    expect(elasticGrant(request, loadOf(defaultElastic.shrinkFrom), capacity)).toBe(9_000);
  });

  it('is the floor on a full one', () => {
    expect(elasticGrant(request, loadOf(defaultElastic.shrinkTo), capacity)).toBe(1_000);
  });

  it('lies half way in between', () => {
    const { shrinkFrom, shrinkTo } = defaultElastic;
    expect(elasticGrant(request, loadOf((shrinkFrom + shrinkTo) / 2), capacity)).toBe(5_000);
  });

  it('is a whole number from floor to ceiling, whatever the load and the key', () => {
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

  it('never rises with the load', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 3, noNaN: true }), (a, b) => {
        const less = elasticGrant(request, loadOf(Math.min(a, b)), capacity);
        const more = elasticGrant(request, loadOf(Math.max(a, b)), capacity);
        expect(more).toBeLessThanOrEqual(less);
      }),
      { seed: 7 },
    );
  });

  it('gives a key that holds more than its part less, and one that holds less more, but only under pressure', () => {
    const load = loadOf(1);
    const heavy = { reservedTokens: load.reservedTokens * 0.8, activeKeys: 2 };
    const light = { reservedTokens: load.reservedTokens * 0.2, activeKeys: 2 };
    const even = elasticGrant(request, load, capacity);
    expect(elasticGrant(request, load, capacity, heavy)).toBeLessThan(even);
    expect(elasticGrant(request, load, capacity, light)).toBeGreaterThan(even);
    const calm = loadOf(0.3);
    expect(elasticGrant(request, calm, capacity, { ...heavy, reservedTokens: calm.reservedTokens })).toBe(9_000);
  });

  // Requests come at an even rate, think as long as they are granted, and hold what they reserved until then. Twice the work that
  // fits at full budgets: the grant has to find its level, and stay there.
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
        copies: 1,
        startingCopies: 0,
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
    return { least: Math.min(...late), most: Math.max(...late), mean: late.reduce((a, b) => a + b, 0) / late.length };
  };

  it('settles and does not swing, even where the load that it sees is 10 seconds old', () => {
    const { least, most, mean } = closedLoop(defaultElastic, 10);
    expect(mean).toBeGreaterThan(150);
    expect(mean).toBeLessThan(1_500);
    expect((most - least) / mean).toBeLessThan(0.02);
  });

  it('would swing if it were a switch: the width of the range is what calms it', () => {
    const { least, most, mean } = closedLoop({ shrinkFrom: 0.99, shrinkTo: 1.01 }, 10);
    expect((most - least) / mean).toBeGreaterThan(0.5);
  });
});

describe('A thought under way', () => {
  it('goes on where the endpoint has room', () => {
    expect(isOverGrant(request, 8_999, loadOf(0.9), capacity)).toBe(false);
  });

  it('is cut where it is longer than it would be granted now', () => {
    const { cut } = defaultElastic;
    expect(isOverGrant(request, 1_000, loadOf(cut?.shrinkTo ?? 0), capacity)).toBe(true);
  });

  it('is never cut below its floor', () => {
    fc.assert(
      fc.property(anyRequest, anyLoad, anyKey, fc.integer({ min: 0, max: 30_000 }), (asked, load, key, used) => {
        fc.pre(used < asked.floorTokens);
        expect(isOverGrant(asked, used, load, capacity, key)).toBe(false);
      }),
      { seed: 7 },
    );
  });

  it('is left alone where cutting is switched off', () => {
    expect(isOverGrant(request, 9_000, loadOf(3), capacity, undefined, { shrinkFrom: 0.7, shrinkTo: 1.3 })).toBe(false);
  });
});
