import { describe, expect, it } from 'vitest';
import { tokenSeed } from '../../local/engine/token-seed.ts';

const grid = Array.from({ length: 200 }, (_, sample) =>
  Array.from({ length: 200 }, (_unused, position) => tokenSeed(sample, position)),
).flat();

describe('tokenSeed', () => {
  it('gives every sample and position a seed of its own, never the one that llama.cpp takes as random', () => {
    // By the birthday problem, 40,000 of 2^31 values have 0.4 pairs in common on average.
    expect(new Set(grid).size).toBeGreaterThan(grid.length - 5);
    expect(grid.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)).toBe(true);
  });

  it('spreads the seeds evenly', () => {
    const counts = new Array<number>(64).fill(0);
    for (const seed of grid) counts[seed >>> 25] = (counts[seed >>> 25] ?? 0) + 1;
    const expected = grid.length / 64;
    const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // The 99.99 % quantile of chi-square with 63 degrees of freedom.
    expect(statistic).toBeLessThan(113);
  });

  it('depends on all 64 bits of a seed, and on its sign', () => {
    const seeds = [1, 1 + 2 ** 32, -1, 2 ** 53 - 1, -(2 ** 53) + 1];
    expect(new Set(seeds.map((seed) => tokenSeed(seed, 9))).size).toBe(seeds.length);
  });
});
