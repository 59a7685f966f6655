import fc from 'fast-check';
import type { CopyCapacity, Load } from '../../../lambda/policy/load.ts';

/** A copy whose cache holds 100 requests of 1,000 tokens. */
export const capacity: CopyCapacity = { cacheTokens: 100_000, maxRequests: 256, tokensPerSecond: 2_000 };

/** A load with this pressure on this number of copies. None of its tokens are generated yet. */
export function loadOf(pressure: number, copies = 4, startingCopies = 0): Load {
  const reservedTokens = pressure * copies * capacity.cacheTokens;
  const requests = pressure > 0 ? Math.max(1, Math.round(reservedTokens / 1_000)) : 0;
  return { copies, startingCopies, requests, reservedTokens, committedTokens: reservedTokens };
}

/** Loads of every kind, including empty, above the capacity, and without copies. */
export const anyLoad: fc.Arbitrary<Load> = fc
  .record({
    copies: fc.integer({ min: 0, max: 20 }),
    startingCopies: fc.integer({ min: 0, max: 5 }),
    requests: fc.integer({ min: 0, max: 5_000 }),
    tokensEach: fc.integer({ min: 1, max: 30_000 }),
    left: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ copies, startingCopies, requests, tokensEach, left }) => ({
    copies,
    startingCopies,
    requests,
    reservedTokens: requests * tokensEach,
    committedTokens: requests * tokensEach * left,
  }));
