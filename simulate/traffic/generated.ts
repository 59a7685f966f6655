import type { Arrival } from '../engine/job.ts';
import { Random } from '../random.ts';
import { drawThinking, type ThinkingMix } from './thinking.ts';
import type { Traffic } from './traffic.ts';

/** Requests that come by chance, more by day than by night. */
export interface GeneratedSettings {
  /** On average. */
  readonly requestsPerSecond: number;
  /** How far the rate swings around its mean: 0 is even, 1 goes from nothing to twice the mean. */
  readonly swing: number;
  /** From one peak to the next. Seconds. */
  readonly periodSeconds: number;
  /** Either of the two ends it. */
  readonly requests: number;
  readonly seconds: number;
  /** Log-normal, of the median and the sigma of the logarithm. Tokens. */
  readonly prompt: { readonly medianTokens: number; readonly sigma: number };
  readonly answer: { readonly medianTokens: number; readonly sigma: number };
}

/** A day; prompts and answers have the median and the spread of the conversation trace, roughly. */
export const defaultGenerated: GeneratedSettings = {
  requestsPerSecond: 5,
  swing: 0.5,
  periodSeconds: 86_400,
  requests: Number.POSITIVE_INFINITY,
  seconds: 86_400,
  prompt: { medianTokens: 1_020, sigma: 0.9 },
  answer: { medianTokens: 130, sigma: 1 },
};

/** A Poisson process whose rate follows a sine (by thinning: Lewis and Shedler 1979). */
export class GeneratedTraffic implements Traffic {
  readonly #settings: GeneratedSettings;
  readonly #mix: ThinkingMix;
  readonly #random: Random;
  #at = 0;
  #requests = 0;

  constructor(settings: GeneratedSettings, mix: ThinkingMix, seed: number) {
    this.#settings = settings;
    this.#mix = mix;
    this.#random = new Random(seed);
  }

  next(arrival: Arrival): boolean {
    const { requestsPerSecond, swing, periodSeconds, requests, seconds, prompt, answer } = this.#settings;
    if (this.#requests >= requests) return false;
    const most = requestsPerSecond * (1 + swing);
    for (;;) {
      this.#at += this.#random.exponential(1 / most);
      if (this.#at > seconds) return false;
      const rate = requestsPerSecond * (1 - swing * Math.cos((2 * Math.PI * this.#at) / periodSeconds));
      if (swing === 0 || this.#random.uniform() * most < rate) break;
    }
    this.#requests += 1;
    arrival.at = this.#at;
    arrival.promptTokens = Math.max(1, Math.round(this.#random.logNormal(prompt.medianTokens, prompt.sigma)));
    arrival.answerTokens = Math.max(1, Math.round(this.#random.logNormal(answer.medianTokens, answer.sigma)));
    drawThinking(arrival, this.#mix, this.#random);
    return true;
  }
}

/** Requests at an even rate, with prompts and answers drawn from a trace: for load tests. */
export class EvenTraffic implements Traffic {
  readonly #trace: { readonly promptTokens: ArrayLike<number>; readonly answerTokens: ArrayLike<number> };
  readonly #requestsPerSecond: number;
  readonly #seconds: number;
  readonly #mix: ThinkingMix;
  readonly #random: Random;
  #at = 0;

  constructor(
    trace: { readonly promptTokens: ArrayLike<number>; readonly answerTokens: ArrayLike<number> },
    requestsPerSecond: number,
    seconds: number,
    mix: ThinkingMix,
    seed: number,
  ) {
    this.#trace = trace;
    this.#requestsPerSecond = requestsPerSecond;
    this.#seconds = seconds;
    this.#mix = mix;
    this.#random = new Random(seed);
  }

  next(arrival: Arrival): boolean {
    this.#at += this.#random.exponential(1 / this.#requestsPerSecond);
    if (this.#at > this.#seconds) return false;
    const index = Math.floor(this.#random.uniform() * this.#trace.promptTokens.length);
    arrival.at = this.#at;
    arrival.promptTokens = this.#trace.promptTokens[index] ?? 1;
    arrival.answerTokens = Math.max(1, this.#trace.answerTokens[index] ?? 1);
    drawThinking(arrival, this.#mix, this.#random);
    return true;
  }
}
