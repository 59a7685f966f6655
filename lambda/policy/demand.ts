/**
 * The work that is asked for, a second: expected tokens of the requests that come, before any maximum was shrunk. Unlike the
 * requests in flight it does not grow because the endpoint is slow, and it is known when a request arrives, not when it ends.
 */
export interface Demand {
  /** Smoothed. */
  readonly tokensPerSecond: number;
}

export const noDemand: Demand = { tokensPerSecond: 0 };

/**
 * The demand after one more stretch of time. What changes faster than a copy starts cannot be followed by starting copies, so
 * it is smoothed over about that long.
 *
 * @param arrived expected tokens of all requests that came, refused ones included, and in how many seconds
 */
export function measureDemand(
  before: Demand,
  arrived: { readonly tokens: number; readonly seconds: number },
  smoothingSeconds: number,
): Demand {
  if (arrived.seconds <= 0) return before;
  const weight = 1 - Math.exp(-arrived.seconds / smoothingSeconds);
  const rate = arrived.tokens / arrived.seconds;
  return { tokensPerSecond: before.tokensPerSecond + weight * (rate - before.tokensPerSecond) };
}
