import fc from 'fast-check';
import { type CopyCapacity, FULL_CACHE, type Load } from '../../../lambda/policy/load.ts';

/** A copy whose cache holds 100 requests of 1,000 tokens. */
export const capacity: CopyCapacity = {
  cacheTokens: 100_000,
  maxRequests: 256,
  tokensPerSecond: 2_000,
  promptTokensPerSecond: 20_000,
  requestTokens: 0,
};

/** A load with this pressure on this number of copies. None of its tokens are generated yet. */
export function loadOf(pressure: number, copies = 4, startingCopies = 0): Load {
  // Requests without prompts hold half of what they reserve.
  const reservedTokens = 2 * pressure * copies * capacity.cacheTokens * FULL_CACHE;
  const requests = pressure > 0 ? Math.max(1, Math.round(reservedTokens / 1_000)) : 0;
  const prompts = { waitingRequests: 0, promptTokens: 0, waitingPromptTokens: 0 };
  return { copies, startingCopies, requests, ...prompts, reservedTokens, committedTokens: reservedTokens };
}

/** Loads of every kind, including empty, above the capacity, and without copies. */
export const anyLoad: fc.Arbitrary<Load> = fc
  .record({
    copies: fc.integer({ min: 0, max: 20 }),
    startingCopies: fc.integer({ min: 0, max: 5 }),
    requests: fc.integer({ min: 0, max: 5_000 }),
    tokensEach: fc.integer({ min: 1, max: 30_000 }),
    left: fc.double({ min: 0, max: 1, noNaN: true }),
    prompts: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ copies, startingCopies, requests, tokensEach, left, prompts }) => ({
    copies,
    startingCopies,
    requests,
    waitingRequests: Math.floor(requests * left),
    promptTokens: requests * tokensEach * prompts,
    waitingPromptTokens: requests * tokensEach * prompts * left,
    reservedTokens: requests * tokensEach,
    committedTokens: requests * tokensEach * left,
  }));
