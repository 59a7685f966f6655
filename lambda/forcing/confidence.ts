import type { PieceLogprob } from './piece-logprob.ts';

/**
 * Measures of how sure a model was of its thought. Every value is from 0 to 1, and a higher value is surer.
 *
 * Of the sampled tokens' log-probabilities: `min_token` is exp of the lowest one; `lowest_window` is exp of the lowest mean of any
 * `WINDOW_TOKENS` successive tokens; `tail` is exp of the mean of the last `TAIL_TOKENS`; `bottom_10` is exp of the mean of the lowest tenth.
 *
 * Of the `TOP_TOKENS` most likely tokens: `deepconf_lowest_group` and `deepconf_tail` use the token confidence of DeepConf (arXiv
 * 2508.15260, section 3), C = the negative mean of their log-probabilities, as the lowest mean of `GROUP_TOKENS` successive tokens and as
 * the mean of the last `GROUP_TOKENS`, expressed as 1 - ln(k) / C. `entropy` is 1 - H / ln(k), where H is the mean entropy of the
 * most likely tokens, whose probabilities are scaled to the sum of 1 (arXiv 2510.08146).
 */
export const confidenceMeasures = [
  'min_token',
  'lowest_window',
  'tail',
  'bottom_10',
  'deepconf_lowest_group',
  'deepconf_tail',
  'entropy',
] as const;
export type ConfidenceMeasure = (typeof confidenceMeasures)[number];

/** Number of most likely tokens that the measures over them read: OpenAI's maximum, and vLLM's default one. */
const TOP_TOKENS = 20;

/** Window of `lowest_window`, in tokens. */
const WINDOW_TOKENS = 16;

/** Window of `tail`, in tokens. */
const TAIL_TOKENS = 64;

/** Window of the measures of DeepConf, in tokens. The paper uses 1,024 and 2,048. */
const GROUP_TOKENS = 1_024;

/** Log-probabilities below it count as equal to it: servers give negative infinity or -9999 for tokens that cannot be sampled. */
const LOWEST_LOGPROB = -100;

/** Confidence of a thought, or of the pass of it after its last "Wait". */
export interface Confidence {
  readonly measure: ConfidenceMeasure;
  /** 0 to 1. */
  readonly value: number;
  /** Number of sampled tokens that the measure covers. 1 or more. */
  readonly tokens: number;
}

/** Number of most likely tokens that a measure needs with each token. 0: the sampled token is enough. */
export function topTokensOf(measure: ConfidenceMeasure): number {
  return readers[measure].top;
}

/**
 * Computes a measure while the tokens come. A token costs constant time and the memory is bounded. The value depends on the tokens
 * only, not on the pieces that they came in.
 */
export class ConfidenceMeter {
  readonly #measure: ConfidenceMeasure;
  #aggregate: Aggregate;
  /** The last token, which may turn out to be an end token. */
  #last: number | undefined;
  #tokens = 0;
  #missing = false;

  constructor(measure: ConfidenceMeasure) {
    this.#measure = measure;
    this.#aggregate = readers[measure].aggregate();
  }

  /** Whether a token came without its log-probability, so that there is no value. */
  get missing(): boolean {
    return this.#missing;
  }

  /** Adds a sampled token. `undefined`: the server gave no log-probability. */
  add(token: Pick<PieceLogprob, 'logprob' | 'top'> | undefined): void {
    const figure = token && readers[this.#measure].read(token);
    if (figure === undefined || Number.isNaN(figure)) {
      this.#missing = true;
      return;
    }
    if (this.#last !== undefined) this.#aggregate.add(this.#last);
    this.#last = figure;
    this.#tokens++;
  }

  /** Removes the last token, which was an end token. Call it at most once after each `add`. */
  dropLast(): void {
    if (this.#last === undefined) return;
    this.#last = undefined;
    this.#tokens--;
  }

  /** Approximate value while the tokens come: without the last one. `undefined` if it is unknown. */
  soFar(): number | undefined {
    const measured = this.#tokens - (this.#last === undefined ? 0 : 1);
    return this.#missing || measured === 0 ? undefined : this.#toValue();
  }

  /** Begins a new pass. */
  reset(): void {
    this.#aggregate = readers[this.#measure].aggregate();
    this.#last = undefined;
    this.#tokens = 0;
  }

  /** The confidence of the tokens so far; `undefined` if there is none, or if one has no log-probability. */
  read(): Confidence | undefined {
    if (this.#missing || this.#tokens === 0) return undefined;
    if (this.#last !== undefined) this.#aggregate.add(this.#last);
    this.#last = undefined;
    return { measure: this.#measure, value: this.#toValue(), tokens: this.#tokens };
  }

  #toValue(): number {
    return Math.min(1, Math.max(0, readers[this.#measure].toValue(this.#aggregate.value())));
  }
}

/** Reads one figure of each token, combines the figures, and converts the result to a value from 0 to 1. */
interface Reader {
  readonly top: number;
  readonly read: (token: Pick<PieceLogprob, 'logprob' | 'top'>) => number | undefined;
  readonly aggregate: () => Aggregate;
  readonly toValue: (figure: number) => number;
}

interface Aggregate {
  add(figure: number): void;
  /** Requires at least one figure. */
  value(): number;
}

const clamped = (logprob: number) => Math.min(0, Math.max(LOWEST_LOGPROB, logprob));
const topOf = ({ top }: Pick<PieceLogprob, 'top'>) => top.slice(0, TOP_TOKENS).map(({ logprob }) => clamped(logprob));

const ofSampled = { top: 0, read: ({ logprob }: { readonly logprob: number }) => clamped(logprob), toValue: Math.exp };
const ofDeepConf = {
  top: TOP_TOKENS,
  read: (token: Pick<PieceLogprob, 'top'>) => {
    const top = topOf(token);
    return top.length === 0 ? undefined : -top.reduce((sum, logprob) => sum + logprob, 0) / top.length;
  },
  toValue: (figure: number) => (figure <= 0 ? 0 : 1 - Math.log(TOP_TOKENS) / figure),
};

const readers: Readonly<Record<ConfidenceMeasure, Reader>> = {
  min_token: { ...ofSampled, aggregate: () => new LowestMean(1) },
  lowest_window: { ...ofSampled, aggregate: () => new LowestMean(WINDOW_TOKENS) },
  tail: { ...ofSampled, aggregate: () => new TailMean(TAIL_TOKENS) },
  bottom_10: { ...ofSampled, aggregate: () => new LowestTenth() },
  deepconf_lowest_group: { ...ofDeepConf, aggregate: () => new LowestMean(GROUP_TOKENS) },
  deepconf_tail: { ...ofDeepConf, aggregate: () => new TailMean(GROUP_TOKENS) },
  entropy: {
    top: TOP_TOKENS,
    read: (token) => {
      const top = topOf(token);
      return top.length === 0 ? undefined : entropyOf(top);
    },
    aggregate: () => new Mean(),
    toValue: (figure) => 1 - figure / Math.log(TOP_TOKENS),
  },
};

/** Entropy in nats of probabilities that are scaled to the sum of 1. */
function entropyOf(logprobs: readonly number[]): number {
  const highest = Math.max(...logprobs);
  const weights = logprobs.map((logprob) => Math.exp(logprob - highest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.reduce((total, weight) => total - (weight === 0 ? 0 : (weight / sum) * Math.log(weight / sum)), 0);
}

class Mean implements Aggregate {
  #sum = 0;
  #count = 0;

  add(figure: number): void {
    this.#sum += figure;
    this.#count++;
  }

  value(): number {
    return this.#sum / this.#count;
  }
}

/** Mean of the last `length` figures, or of all if there are fewer. */
class TailMean implements Aggregate {
  readonly #window: number[] = [];
  readonly #length: number;
  #at = 0;
  #sum = 0;

  constructor(length: number) {
    this.#length = length;
  }

  get full(): boolean {
    return this.#window.length === this.#length;
  }

  add(figure: number): void {
    const { full } = this;
    const oldest = this.#window[this.#at] ?? 0;
    this.#window[this.#at] = figure;
    this.#at = (this.#at + 1) % this.#length;
    // Rounding errors of the running sum must not grow with the thought, so it is computed anew once in each round.
    if (full && this.#at === 0) this.#sum = this.#window.reduce((sum, each) => sum + each, 0);
    else this.#sum += figure - (full ? oldest : 0);
  }

  value(): number {
    return this.#sum / this.#window.length;
  }
}

/** Lowest mean of `length` successive figures, or the mean of all if there are fewer. */
class LowestMean implements Aggregate {
  readonly #tail: TailMean;
  #lowest: number | undefined;

  constructor(length: number) {
    this.#tail = new TailMean(length);
  }

  add(figure: number): void {
    this.#tail.add(figure);
    if (this.#tail.full) this.#lowest = Math.min(this.#lowest ?? Number.POSITIVE_INFINITY, this.#tail.value());
  }

  value(): number {
    return this.#lowest ?? this.#tail.value();
  }
}

/** Number of bins per nat, and range of the bins in nats, of `LowestTenth`. */
const BINS_PER_NAT = 32;
const BINS = 20 * BINS_PER_NAT;

/**
 * Mean of the lowest tenth of all figures, at least one. The figures are collected in bins of 1/32 nat with their sums, so only the
 * part that is taken of the highest of these bins is approximate: the mean differs by less than 1/32 nat.
 */
class LowestTenth implements Aggregate {
  readonly #counts = new Float64Array(BINS + 1);
  readonly #sums = new Float64Array(BINS + 1);
  #count = 0;

  add(figure: number): void {
    const bin = Math.min(BINS, Math.floor(-figure * BINS_PER_NAT));
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    this.#sums[bin] = (this.#sums[bin] ?? 0) + figure;
    this.#count++;
  }

  value(): number {
    const wanted = Math.max(1, Math.ceil(this.#count / 10));
    let taken = 0;
    let sum = 0;
    for (let bin = BINS; bin >= 0 && taken < wanted; bin--) {
      const count = this.#counts[bin] ?? 0;
      if (count === 0) continue;
      const part = Math.min(count, wanted - taken);
      sum += ((this.#sums[bin] ?? 0) * part) / count;
      taken += part;
    }
    return sum / taken;
  }
}
