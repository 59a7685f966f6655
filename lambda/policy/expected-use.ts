/**
 * Fraction of their output limit that requests use, by the size of the limit, 0 to 1 each: requests mostly exhaust a limit of
 * 1,000 tokens, and seldom one of 30,000. Entry n covers limits from 2ⁿ to 2ⁿ⁺¹ − 1 tokens; entries without data are 1.
 */
export type ExpectedUse = readonly number[];

/** Weight of one request in the moving average of its size class: about the last 100 requests of a class count. */
const WEIGHT = 0.02;

/** Number of size classes. Limits of 2¹⁹ tokens and more share the last one. */
const SIZES = 20;

/** Initial value: every limit counts in full, so that a new endpoint reserves too much rather than too little. */
export function unknownUse(): ExpectedUse {
  return new Array<number>(SIZES).fill(1);
}

/** Expected output tokens of a request with at most `limitTokens` of thinking and answer, and at least `minTokens`. */
export function expectedTokens(use: ExpectedUse, limitTokens: number, minTokens = 0): number {
  return Math.max(Math.min(minTokens, limitTokens), limitTokens * (use[sizeOf(limitTokens)] ?? 1));
}

/** Updates the expectation with requests that have ended, one after the other. */
export function learnUse(
  use: ExpectedUse,
  ended: Iterable<{ readonly limitTokens: number; readonly usedTokens: number }>,
): ExpectedUse {
  const learned = [...use];
  for (const { limitTokens, usedTokens } of ended) {
    // A request without a token (the model failed, or the client disconnected) says nothing about usage.
    if (limitTokens <= 0 || usedTokens <= 0) continue;
    const size = sizeOf(limitTokens);
    const before = learned[size] ?? 1;
    learned[size] = before + WEIGHT * (Math.min(1, usedTokens / limitTokens) - before);
  }
  return learned;
}

function sizeOf(limitTokens: number): number {
  return limitTokens < 1 ? 0 : Math.min(SIZES - 1, 31 - Math.clz32(limitTokens));
}
