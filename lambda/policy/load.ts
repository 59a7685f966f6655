/** The admitted requests of an endpoint and the copies that serve them. Tokens are counted with the model's own tokenizer. */
export interface Load {
  /** Copies that take requests. */
  readonly copies: number;
  /** Copies that are starting. */
  readonly startingCopies: number;
  /** Requests that were admitted and have not ended. */
  readonly requests: number;
  /** Expected prompt, thinking and answer of these requests when they end. Constant while they run. */
  readonly reservedTokens: number;
  /** Thinking and answer that these requests may still use: the rest of their limits. */
  readonly committedTokens: number;
}

/** Capacity of one copy. */
export interface CopyCapacity {
  /** Tokens of all requests that its KV cache holds. */
  readonly cacheTokens: number;
  /** Requests that it decodes concurrently (vLLM's `--max-num-seqs`). */
  readonly maxRequests: number;
  /** Measured throughput at full load over all requests, in tokens per second. */
  readonly tokensPerSecond: number;
}

/**
 * Utilization of a number of copies. 1 means that the admitted requests fill the KV cache of all copies when each reaches its
 * expected length, or that every place is taken. Above 1, requests begin to queue. `Infinity` if there are requests and no copy.
 *
 * Until it ends, a request holds less than its reservation, on average about half of its output. So copies still have room at 1.
 */
export function pressureOf(load: Load, capacity: CopyCapacity, copies: number = load.copies): number {
  if (load.requests === 0) return 0;
  if (copies <= 0) return Number.POSITIVE_INFINITY;
  return Math.max(load.reservedTokens / capacity.cacheTokens, load.requests / capacity.maxRequests) / copies;
}

/** An endpoint without a request. */
export const emptyLoad: Load = { copies: 0, startingCopies: 0, requests: 0, reservedTokens: 0, committedTokens: 0 };
