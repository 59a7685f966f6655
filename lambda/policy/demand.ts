/**
 * Offered load: expected tokens per second of the arriving requests, before any maximum is shrunk. Unlike the requests in
 * flight, it does not grow when the endpoint is slow, and it is known when a request arrives, not when it ends.
 */
export interface Demand {
  /** Exponential moving average. */
  readonly tokensPerSecond: number;
}

export const noDemand: Demand = { tokensPerSecond: 0 };

/**
 * Updates the demand with one more interval. Copies cannot follow changes that are faster than their own start, so the demand
 * is smoothed over about the start time of a copy.
 *
 * @param arrived expected tokens of all requests that arrived in the interval, refused ones included, and its length
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
