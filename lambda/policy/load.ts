/** The admitted requests of an endpoint and the copies that serve them. Tokens are counted with the model's own tokenizer. */
export interface Load {
  /** Copies that take requests. */
  readonly copies: number;
  /** Copies that are starting. */
  readonly startingCopies: number;
  /** Requests that were admitted and have not ended. */
  readonly requests: number;
  /** Those of them that have no first token yet. */
  readonly waitingRequests: number;
  /** Expected prompt, thinking and answer of these requests when they end. Constant while they run. */
  readonly reservedTokens: number;
  /** Prompts of these requests. */
  readonly promptTokens: number;
  /** Prompts of those that have no first token yet. */
  readonly waitingPromptTokens: number;
  /** Thinking and answer that these requests may still use: the rest of their limits. */
  readonly committedTokens: number;
}

/** What requests hold of caches and places. */
export type HeldLoad = Pick<Load, 'requests' | 'reservedTokens' | 'promptTokens'>;

/** Capacity of one copy. */
export interface CopyCapacity {
  /** Tokens of all requests that its KV cache holds. */
  readonly cacheTokens: number;
  /** Requests that it decodes concurrently (vLLM's `--max-num-seqs`). */
  readonly maxRequests: number;
  /** Measured decode throughput at full load over all requests, in tokens per second, without the time of prefills. */
  readonly tokensPerSecond: number;
  /** Measured prefill speed without the time of decode steps, in tokens per second. */
  readonly promptTokensPerSecond: number;
  /** Size of the requests that fill caches, see `tokenMeanSize`. 0 if it is unknown. */
  readonly requestTokens: number;
}

/**
 * Utilization of a number of copies. 1 means that the admitted requests fill the KV caches as far as full copies should be, or that every
 * place is taken. Above 1, requests begin to queue. `Infinity` if there are requests and no copy.
 */
export function pressureOf(load: Load, capacity: CopyCapacity, copies: number = load.copies): number {
  if (load.requests === 0) return 0;
  if (copies <= 0) return Number.POSITIVE_INFINITY;
  return Math.max(cachePressure(load, capacity, copies), load.requests / capacity.maxRequests / copies);
}

/**
 * Share of the usable cache that hot copies hold: those one standard deviation above the mean. A request holds its prompt from the start
 * and its output, which grows, by half. Few long requests meet copies less evenly than many short ones, so they leave more room.
 */
function cachePressure({ reservedTokens, promptTokens }: Load, capacity: CopyCapacity, copies: number): number {
  const held = (reservedTokens + promptTokens) / 2 / copies;
  return (held + Math.sqrt(held * capacity.requestTokens)) / (capacity.cacheTokens * FULL_CACHE);
}
/** Copies, also a fraction, on which the requests have this pressure. */
export function copiesForPressure(load: HeldLoad, capacity: CopyCapacity, pressure: number): number {
  const held = (load.reservedTokens + load.promptTokens) / 2;
  // Solves cachePressure = pressure for the square root of what one copy holds.
  const deviation = Math.sqrt(capacity.requestTokens) / 2;
  const root = Math.sqrt(deviation ** 2 + pressure * capacity.cacheTokens * FULL_CACHE) - deviation;
  return Math.max(held / root ** 2, load.requests / capacity.maxRequests / pressure);
}

/** Share of the cache that a full copy holds, one standard deviation above the mean, 0 to 1. See docs/decisions/0033-work.md. */
export const FULL_CACHE = 0.73;

/** An endpoint without a request. */
export const emptyLoad: Load = {
  copies: 0,
  startingCopies: 0,
  requests: 0,
  waitingRequests: 0,
  reservedTokens: 0,
  promptTokens: 0,
  waitingPromptTokens: 0,
  committedTokens: 0,
};
