import type { CopyCapacity } from './load.ts';

/** What requests ask of a copy, in tokens, or in tokens per second for a rate. */
export interface Tokens {
  /** Prompt tokens that no cache holds. */
  readonly promptTokens: number;
  /** Expected thinking and answer. */
  readonly outputTokens: number;
}

/** Measured speeds of a copy. */
export type CopySpeeds = Pick<CopyCapacity, 'tokensPerSecond' | 'promptTokensPerSecond'>;

/**
 * Work in seconds of one full copy: the unit of demand, waits and Retry-After. Prefill and decode share the steps of a copy, so their times
 * add up. Of a rate, the work is a number of copies.
 */
export function workOf({ promptTokens, outputTokens }: Tokens, speeds: CopySpeeds): number {
  return promptTokens / speeds.promptTokensPerSecond + outputTokens / speeds.tokensPerSecond;
}
