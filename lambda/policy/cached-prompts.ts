/** Discounted sums over the prompts of ended requests, in tokens. */
export interface CachedPrompts {
  readonly promptTokens: number;
  /** Tokens that a copy's cache held, as the server reports them (`usage.prompt_tokens_details.cached_tokens`). */
  readonly cachedTokens: number;
}

export const noPrompts: CachedPrompts = { promptTokens: 0, cachedTokens: 0 };

/** Discount of earlier requests with each new one: about the last 100 count. */
const KEPT = 0.99;

/** Bound of the share: a prompt always has a last block that no cache holds. */
const MAX_SHARE = 0.98;

/** Updates the sums with requests that have ended, one after the other. Leaves out those whose server reports nothing. */
export function learnCached(
  before: CachedPrompts,
  ended: Iterable<{ readonly promptTokens: number; readonly cachedTokens?: number | undefined }>,
): CachedPrompts {
  let { promptTokens, cachedTokens } = before;
  for (const one of ended) {
    if (one.cachedTokens === undefined) continue;
    promptTokens = promptTokens * KEPT + one.promptTokens;
    cachedTokens = cachedTokens * KEPT + Math.min(one.cachedTokens, one.promptTokens);
  }
  return { promptTokens, cachedTokens };
}

/** Share of the prompt tokens that caches hold, 0 to `MAX_SHARE`. */
export function cachedShare({ promptTokens, cachedTokens }: CachedPrompts): number {
  return promptTokens > 0 ? Math.min(MAX_SHARE, cachedTokens / promptTokens) : 0;
}
