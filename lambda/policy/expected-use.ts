/**
 * What requests use of the output that they may have, by the size of that limit: 0 to 1 each. A limit of 1,000 is mostly
 * used up, one of 30,000 seldom. Entry n is of limits from 2ⁿ to 2ⁿ⁺¹ − 1 tokens; what was never seen is 1.
 */
export type ExpectedUse = readonly number[];

/** The weight of one request in the average of its size. About the last 100 of a size count. */
const WEIGHT = 0.02;

/** Limits of 2¹⁹ tokens and more share one entry. */
const SIZES = 20;

/** Nothing was seen yet: every limit counts in full, so that a new endpoint errs on the side of room. */
export function unknownUse(): ExpectedUse {
  return new Array<number>(SIZES).fill(1);
}

/** Output tokens to expect of a request whose thinking and answer may have `limitTokens`, but have at least `minTokens`. */
export function expectedTokens(use: ExpectedUse, limitTokens: number, minTokens = 0): number {
  return Math.max(Math.min(minTokens, limitTokens), limitTokens * (use[sizeOf(limitTokens)] ?? 1));
}

/** What is expected after one more request has ended. */
export function learnUse(use: ExpectedUse, limitTokens: number, usedTokens: number): ExpectedUse {
  if (limitTokens <= 0) return use;
  return use.with(sizeOf(limitTokens), learnedShare(use, limitTokens, usedTokens));
}

/** The same in place, for who owns the array. */
export function learnUseInPlace(use: number[], limitTokens: number, usedTokens: number): void {
  if (limitTokens > 0) use[sizeOf(limitTokens)] = learnedShare(use, limitTokens, usedTokens);
}

function learnedShare(use: ExpectedUse, limitTokens: number, usedTokens: number): number {
  const before = use[sizeOf(limitTokens)] ?? 1;
  const share = Math.min(1, Math.max(0, usedTokens / limitTokens));
  return before + WEIGHT * (share - before);
}

function sizeOf(limitTokens: number): number {
  return limitTokens < 1 ? 0 : Math.min(SIZES - 1, 31 - Math.clz32(limitTokens));
}
