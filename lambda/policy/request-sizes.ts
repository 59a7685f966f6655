/**
 * Cache that requests hold on average while they run, in tokens: discounted sums over the ended requests. Few long requests fill caches
 * less evenly than many short ones with the same sum.
 */
export interface RequestSizes {
  readonly tokens: number;
  readonly squares: number;
}

export const noSizes: RequestSizes = { tokens: 0, squares: 0 };

/** Discount of earlier requests with each new one: about the last 1,000 count. */
const KEPT = 0.999;

/** Updates the sums with requests that have ended, one after the other. */
export function learnSizes(
  before: RequestSizes,
  ended: Iterable<{ readonly promptTokens: number; readonly usedTokens: number }>,
): RequestSizes {
  let { tokens, squares } = before;
  for (const { promptTokens, usedTokens } of ended) {
    const held = promptTokens + usedTokens / 2;
    tokens = tokens * KEPT + held;
    squares = squares * KEPT + held * held;
  }
  return { tokens, squares };
}

/**
 * Mean size of the request to which a token of the cache belongs, in tokens. If requests meet copies at random, the variance of what a copy
 * holds is its mean times this. 0 without data.
 */
export function tokenMeanSize({ tokens, squares }: RequestSizes): number {
  return tokens > 0 ? squares / tokens : 0;
}
