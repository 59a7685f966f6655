/** What an endpoint has admitted, and what serves it. All tokens are the model's own. */
export interface Load {
  /** Copies that take requests. */
  readonly copies: number;
  /** Copies that were asked for and do not take requests yet. */
  readonly startingCopies: number;
  /** Requests that were admitted and have not ended. */
  readonly requests: number;
  /** Prompt, thinking and answer that these requests are expected to have when they end. It does not change while they run. */
  readonly reservedTokens: number;
  /** Thinking and answer that they may still use: what is left of their limits. */
  readonly committedTokens: number;
}

/** What one copy can do. */
export interface CopyCapacity {
  /** Tokens of all its requests that its KV cache holds. */
  readonly cacheTokens: number;
  /** Requests that it decodes at once (vLLM's `--max-num-seqs`). */
  readonly maxRequests: number;
  /** Tokens that it gives at full load, all requests together. Measured, a second. */
  readonly tokensPerSecond: number;
}

/**
 * How full a number of copies is. 1: what was admitted fills the cache of all copies when each request is as long as it is
 * expected to become, or each place is taken. Above 1, requests begin to wait. `Infinity` without copies and with requests.
 *
 * A request holds less than its reservation until it ends, on average about half of its output, so copies still have room
 * at 1.
 */
export function pressureOf(load: Load, capacity: CopyCapacity, copies: number = load.copies): number {
  if (load.requests === 0) return 0;
  if (copies <= 0) return Number.POSITIVE_INFINITY;
  return Math.max(load.reservedTokens / capacity.cacheTokens, load.requests / capacity.maxRequests) / copies;
}

/** An endpoint without a request. */
export const emptyLoad: Load = { copies: 0, startingCopies: 0, requests: 0, reservedTokens: 0, committedTokens: 0 };
