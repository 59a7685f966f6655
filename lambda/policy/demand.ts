import type { HeldLoad } from './load.ts';
import { type CopySpeeds, type Tokens, workOf } from './work.ts';

/**
 * Offered load: expected tokens per second of the arriving requests, before any maximum is shrunk. Unlike the requests in
 * flight, it does not grow when the endpoint is slow, and it is known when a request arrives, not when it ends. It is kept in tokens, so that
 * newly measured speeds apply to all of it.
 */
export interface Demand {
  /** Thinking and answer, as exponential moving average. */
  readonly tokensPerSecond: number;
  /** Prompt tokens that no cache holds, likewise. */
  readonly promptTokensPerSecond: number;
  /** Reserved tokens and prompts of the running requests, and their number, likewise: what they hold of caches and places. */
  readonly held: HeldLoad;
}

export const noDemand: Demand = {
  tokensPerSecond: 0,
  promptTokensPerSecond: 0,
  held: { requests: 0, reservedTokens: 0, promptTokens: 0 },
};

/** Work that arrives per second, in seconds of one copy: the number of copies that it keeps busy. */
export function demandedCopies({ tokensPerSecond, promptTokensPerSecond }: Demand, speeds: CopySpeeds): number {
  return workOf({ promptTokens: promptTokensPerSecond, outputTokens: tokensPerSecond }, speeds);
}

/**
 * Updates the demand with one more interval. Copies cannot follow changes that are faster than their own start, so the demand
 * is smoothed over about the start time of a copy.
 *
 * @param arrived expected tokens of all requests that arrived in the interval, refused ones included, and its length
 */
export function measureDemand(
  before: Demand,
  arrived: Tokens & { readonly seconds: number },
  held: HeldLoad,
  smoothingSeconds: number,
): Demand {
  if (arrived.seconds <= 0) return before;
  const weight = 1 - Math.exp(-arrived.seconds / smoothingSeconds);
  const moved = (average: number, value: number) => average + weight * (value - average);
  return {
    tokensPerSecond: moved(before.tokensPerSecond, arrived.outputTokens / arrived.seconds),
    promptTokensPerSecond: moved(before.promptTokensPerSecond, arrived.promptTokens / arrived.seconds),
    held: {
      requests: moved(before.held.requests, held.requests),
      reservedTokens: moved(before.held.reservedTokens, held.reservedTokens),
      promptTokens: moved(before.held.promptTokens, held.promptTokens),
    },
  };
}
