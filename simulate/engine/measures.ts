import { DDSketch } from '@datadog/sketches-js';

/** Relative error of the quantiles, independent of the number of values (DDSketch, arXiv 1908.10693). */
const RELATIVE_ACCURACY = 0.002;

/** In seconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly mean: number;
}

/** Distribution of times in constant memory. */
export class Times {
  readonly #sketch = new DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });
  #sum = 0;
  count = 0;

  add(seconds: number): void {
    this.#sketch.accept(seconds);
    this.#sum += seconds;
    this.count += 1;
  }

  percentiles(): Percentiles {
    if (this.count === 0) return { p50: 0, p95: 0, p99: 0, mean: 0 };
    return {
      p50: this.#sketch.getValueAtQuantile(0.5),
      p95: this.#sketch.getValueAtQuantile(0.95),
      p99: this.#sketch.getValueAtQuantile(0.99),
      mean: this.#sum / this.count,
    };
  }

  p95(): number | undefined {
    return this.count === 0 ? undefined : this.#sketch.getValueAtQuantile(0.95);
  }
}

/** One interval of a run. */
export interface TimelineBin {
  /** Seconds since the start. */
  readonly at: number;
  readonly arrivalsPerSecond: number;
  readonly copies: number;
  readonly startingCopies: number;
  readonly instances: number;
  readonly requests: number;
  readonly pressure: number;
  /** Granted fraction of the requested thinking. 1 if no request arrived. */
  readonly grantedShare: number;
  /** Of the first tokens in this interval, in seconds. `undefined` if there were none. */
  readonly firstTokenP95: number | undefined;
}

/** Time series of a run in bins of equal width, at most `MAX_BINS`. */
export class Timeline {
  readonly bins: TimelineBin[] = [];
  readonly #seconds: number;
  #start = 0;
  #arrivals = 0;
  #requested = 0;
  #granted = 0;
  #times = new Times();

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  arrival(requestedTokens: number, grantedTokens: number): void {
    this.#arrivals += 1;
    this.#requested += requestedTokens;
    this.#granted += grantedTokens;
  }

  firstToken(seconds: number): void {
    this.#times.add(seconds);
  }

  sample(
    now: number,
    state: Pick<TimelineBin, 'copies' | 'startingCopies' | 'instances' | 'requests' | 'pressure'>,
  ): void {
    if (now - this.#start < this.#seconds) return;
    if (this.bins.length < MAX_BINS) {
      this.bins.push({
        at: this.#start,
        arrivalsPerSecond: this.#arrivals / (now - this.#start),
        ...state,
        grantedShare: this.#requested > 0 ? this.#granted / this.#requested : 1,
        firstTokenP95: this.#times.p95(),
      });
    }
    this.#start = now;
    this.#arrivals = 0;
    this.#requested = 0;
    this.#granted = 0;
    this.#times = new Times();
  }
}

const MAX_BINS = 2_000;
