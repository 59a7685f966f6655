import type { Arrival } from '../engine/job.ts';
import type { Random } from '../random.ts';

/** How long requests think, and what they allow. */
export interface ThinkingMix {
  /** Of the natural length, which is log-normal. Tokens. */
  readonly medianTokens: number;
  /** Standard deviation of its logarithm. */
  readonly sigma: number;
  /** Maxima that clients ask for, each with its part of the requests. Tokens. */
  readonly maxima: readonly { readonly tokens: number; readonly part: number }[];
  /** Part of the requests whose maximum may shrink. 0 to 1. */
  readonly elasticPart: number;
  /** How far it may: the floor, as part of the maximum. 0 to 1. */
  readonly floorPart: number;
  /** Part of the requests that force one "Wait", so that one call more is made. 0 to 1. */
  readonly waitPart: number;
  /** The limit of answers, which is reserved with the thinking. Tokens. */
  readonly maxAnswerTokens: number;
  /** Requests are dealt out to so many keys. Minimum: 1. */
  readonly keys: number;
}

/**
 * An assumption from published figures, not a measurement of anyone's traffic. s1's figure 1 (arXiv 2501.19393) draws average
 * thinking up to about 2,048 tokens for MATH500 and 8,192 for AIME24: they are taken as one standard deviation below and
 * above the median of a log-normal, which makes a median of 4,096, a sigma of ln 2, and a mean of 5,208. DeepSeek-R1's published
 * mean on hard MATH problems is 4,717.5 (arXiv 2501.18576). Maxima are the efforts low, medium and high of a window of 32,768
 * tokens.
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

/** Draws the thinking of one request. Five random numbers each time, whatever comes of them. */
export function drawThinking(arrival: Arrival, mix: ThinkingMix, random: Random): void {
  arrival.naturalThinkingTokens = Math.max(1, Math.round(random.logNormal(mix.medianTokens, mix.sigma)));
  let point = random.uniform();
  let tokens = mix.maxima[0]?.tokens ?? arrival.naturalThinkingTokens;
  for (const maximum of mix.maxima) {
    tokens = maximum.tokens;
    point -= maximum.part;
    if (point < 0) break;
  }
  arrival.maxThinkingTokens = tokens;
  arrival.minThinkingTokens = 0;
  arrival.elastic = random.uniform() < mix.elasticPart;
  arrival.floorTokens = Math.round(tokens * mix.floorPart);
  arrival.thinkingCalls = random.uniform() < mix.waitPart ? 2 : 1;
  arrival.maxAnswerTokens = mix.maxAnswerTokens;
  arrival.key = Math.min(mix.keys - 1, Math.floor(random.uniform() * mix.keys));
}
