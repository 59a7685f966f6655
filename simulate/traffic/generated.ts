import type { Arrival } from '../engine/job.ts';
import { Random } from '../random.ts';
import { drawThinking, type ThinkingMix } from './thinking.ts';
import type { Traffic } from './traffic.ts';

/** Random arrivals with a daily rhythm and bursts. */
export interface GeneratedSettings {
  /** Mean rate. */
  readonly requestsPerSecond: number;
  /** Relative amplitude of the rate: 0 is constant, 1 varies from zero to twice the mean. */
  readonly swing: number;
  /** Time between two peaks, in seconds. */
  readonly periodSeconds: number;
  /** Factor of the rate during a burst. 1 disables bursts. Bursts are in addition to `requestsPerSecond`. */
  readonly burstFactor: number;
  /** Duration of a burst, in seconds. */
  readonly burstSeconds: number;
  /** Mean time from the end of a burst to the next one, in seconds, exponentially distributed. */
  readonly burstGapSeconds: number;
  /** The traffic ends at this number of requests, or after this time in seconds. */
  readonly requests: number;
  readonly seconds: number;
  /** Log-normal lengths: median in tokens, and sigma of the logarithm. */
  readonly prompt: { readonly medianTokens: number; readonly sigma: number };
  readonly answer: { readonly medianTokens: number; readonly sigma: number };
}

/** One day. Prompts and answers have roughly the median and the spread of the conversation trace. */
export const defaultGenerated: GeneratedSettings = {
  requestsPerSecond: 5,
  swing: 0.5,
  periodSeconds: 86_400,
  burstFactor: 1,
  burstSeconds: 300,
  burstGapSeconds: 3_600,
  requests: Number.POSITIVE_INFINITY,
  seconds: 86_400,
  prompt: { medianTokens: 1_020, sigma: 0.9 },
  answer: { medianTokens: 130, sigma: 1 },
};

/** A Poisson process with a sinusoidal rate (by thinning: Lewis and Shedler 1979). */
export class GeneratedTraffic implements Traffic {
  readonly #settings: GeneratedSettings;
  readonly #mix: ThinkingMix;
  readonly #random: Random;
  readonly #bursts: Random;
  #at = 0;
  #requests = 0;
  #burstAt: number;

  constructor(settings: GeneratedSettings, mix: ThinkingMix, seed: number) {
    this.#settings = settings;
    this.#mix = mix;
    this.#random = new Random(seed);
    this.#bursts = new Random(seed + 1);
    this.#burstAt = this.#bursts.exponential(settings.burstGapSeconds);
  }

  next(arrival: Arrival): boolean {
    const { requestsPerSecond, swing, periodSeconds, burstFactor, requests, seconds, prompt, answer } = this.#settings;
    if (this.#requests >= requests) return false;
    const max = requestsPerSecond * (1 + swing) * burstFactor;
    for (;;) {
      this.#at += this.#random.exponential(1 / max);
      if (this.#at > seconds) return false;
      const swung = requestsPerSecond * (1 - swing * Math.cos((2 * Math.PI * this.#at) / periodSeconds));
      const rate = this.#inBurst() ? swung * burstFactor : swung;
      if (rate === max || this.#random.uniform() * max < rate) break;
    }
    this.#requests += 1;
    arrival.at = this.#at;
    arrival.promptTokens = Math.max(1, Math.round(this.#random.logNormal(prompt.medianTokens, prompt.sigma)));
    arrival.answerTokens = Math.max(1, Math.round(this.#random.logNormal(answer.medianTokens, answer.sigma)));
    drawThinking(arrival, this.#mix, this.#random);
    return true;
  }

  #inBurst(): boolean {
    const { burstFactor, burstSeconds, burstGapSeconds } = this.#settings;
    if (burstFactor === 1) return false;
    while (this.#at >= this.#burstAt + burstSeconds)
      this.#burstAt += burstSeconds + this.#bursts.exponential(burstGapSeconds);
    return this.#at >= this.#burstAt;
  }
}

/** A Poisson process with a constant rate, with prompts and answers drawn from a trace, for load tests. */
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
