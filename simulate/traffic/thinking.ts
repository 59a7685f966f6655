import type { Arrival } from '../engine/job.ts';
import type { Random } from '../random.ts';

/** Distribution of natural thinking lengths, and of the requested limits. */
export interface ThinkingMix {
  /** Median of the natural length, which is log-normal, in tokens. */
  readonly medianTokens: number;
  /** Standard deviation of the natural length's logarithm. */
  readonly sigma: number;
  /** Requested maxima in tokens, each with its fraction of the requests. */
  readonly maxima: readonly { readonly tokens: number; readonly part: number }[];
  /** Fraction of elastic requests, 0 to 1. */
  readonly elasticPart: number;
  /** Floor of elastic requests, as fraction of the maximum, 0 to 1. */
  readonly floorPart: number;
  /** Fraction of the requests that force one "Wait", which takes one more call, 0 to 1. */
  readonly waitPart: number;
  /** Limit of the answer, which is reserved with the thinking, in tokens. */
  readonly maxAnswerTokens: number;
  /** Number of keys among which the requests are distributed. Minimum: 1. */
  readonly keys: number;
}

/**
 * An assumption based on published figures, not a measurement of real traffic. Figure 1 of s1 (arXiv 2501.19393) shows average
 * thinking up to about 2,048 tokens for MATH500 and 8,192 for AIME24. They are taken as one standard deviation below and above the
 * median of a log-normal distribution, which gives a median of 4,096, a sigma of ln 2, and a mean of 5,208. DeepSeek-R1's published
 * mean on hard MATH problems is 4,717.5 (arXiv 2501.18576). The maxima are the efforts low, medium and high of a context window of
 * 32,768 tokens.
 */
export const defaultMix: ThinkingMix = {
  medianTokens: 4_096,
  sigma: Math.LN2,
  maxima: [
    { tokens: 2_048, part: 0.25 },
    { tokens: 8_192, part: 0.5 },
    { tokens: 16_384, part: 0.25 },
  ],
  elasticPart: 1,
  floorPart: 0.25,
  waitPart: 0.1,
  maxAnswerTokens: 2_048,
  keys: 8,
};

/** Draws the thinking of one request. Always consumes the same number of random numbers. */
export function drawThinking(arrival: Arrival, mix: ThinkingMix, random: Random): void {
  arrival.naturalThinkingTokens = Math.max(1, Math.round(random.logNormal(mix.medianTokens, mix.sigma)));
  const tokens = drawMaximum(mix, random.uniform()) ?? arrival.naturalThinkingTokens;
  arrival.maxThinkingTokens = tokens;
  arrival.minThinkingTokens = 0;
  arrival.elastic = random.uniform() < mix.elasticPart;
  arrival.floorTokens = Math.round(tokens * mix.floorPart);
  arrival.thinkingCalls = random.uniform() < mix.waitPart ? 2 : 1;
  arrival.maxAnswerTokens = mix.maxAnswerTokens;
  arrival.key = Math.min(mix.keys - 1, Math.floor(random.uniform() * mix.keys));
}

/** @param point uniform from 0 to 1 */
function drawMaximum({ maxima }: ThinkingMix, point: number): number | undefined {
  let sum = 0;
  const chosen = maxima.find(({ part }) => {
    sum += part;
    return point < sum;
  });
  return (chosen ?? maxima.at(-1))?.tokens;
}
