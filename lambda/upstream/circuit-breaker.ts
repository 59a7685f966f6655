/** When a breaker opens and closes. */
export interface BreakerRules {
  /** Failures within the window from which on it opens, if they are at least half of the outcomes. */
  readonly failures: number;
  /** Length of the window, in milliseconds. */
  readonly windowMs: number;
  /** Time that it stays open, in milliseconds. Doubles with each probe that fails; up to a half is added at random. */
  readonly openMs: number;
  /** Longest time that it stays open before a probe, without the random part, in milliseconds. */
  readonly maxOpenMs: number;
}

export const defaultBreakerRules: BreakerRules = {
  failures: 5,
  windowMs: 30_000,
  openMs: 10_000,
  maxOpenMs: 300_000,
};

/** Most outcomes that a breaker remembers. */
const MAX_OUTCOMES = 200;

/** One call of an upstream, for its breaker. */
export interface BreakerCall {
  /** The upstream sent its first chunk. */
  succeeded(): void;
  /** The upstream failed, before or after its first chunk. `retryAfterMs`: how long it asked to be left alone. */
  failed(retryAfterMs?: number): void;
  /** The call is over, with or without an outcome. Must follow, or a probe would block the next one. */
  ended(): void;
}

/**
 * Remembers in the memory of the process whether an upstream works. Closed: calls pass. Open: other upstreams are preferred. When its
 * time is over, one call at a time passes as a probe: a success closes the breaker, a failure opens it for twice as long.
 */
export class CircuitBreaker {
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #rules: BreakerRules;
  #outcomes: { readonly at: number; readonly ok: boolean }[] = [];
  #open: { readonly since: number; readonly until: number } | undefined;
  /** How often the breaker has opened since it was closed. */
  #openings = 0;
  #probe: BreakerCall | undefined;

  /**
   * @param now monotonic time, in milliseconds
   * @param random returns a number from 0 to 1. @default - no jitter
   */
  constructor(now: () => number, random: () => number = () => 0, rules: BreakerRules = defaultBreakerRules) {
    this.#now = now;
    this.#random = random;
    this.#rules = rules;
  }

  /** Whether a call should be sent to the upstream: the breaker is closed, or a probe is due and none is running. */
  get available(): boolean {
    return this.#open === undefined || (this.#now() >= this.#open.until && this.#probe === undefined);
  }

  /** Records that a call begins. A call that begins while the breaker is open and no probe is due does not count if it fails. */
  begin(): BreakerCall {
    const begun = this.#now();
    const call: BreakerCall = {
      succeeded: () => this.#succeeded(begun),
      failed: (retryAfterMs = 0) => this.#failed(call, retryAfterMs),
      ended: () => {
        if (this.#probe === call) this.#probe = undefined;
      },
    };
    if (this.#open !== undefined && this.available) this.#probe = call;
    return call;
  }

  #succeeded(begun: number): void {
    // A call from before the failures says nothing about the time after them.
    if (this.#open !== undefined && begun < this.#open.since) return;
    if (this.#open !== undefined) {
      this.#open = undefined;
      this.#openings = 0;
      this.#outcomes = [];
    }
    this.#remember(true);
  }

  #failed(call: BreakerCall, retryAfterMs: number): void {
    if (this.#probe === call) this.#opens(retryAfterMs);
    if (this.#open !== undefined) return;
    this.#remember(false);
    // Those of the window: `#remember` drops older ones.
    const failed = this.#outcomes.filter(({ ok }) => !ok).length;
    if (failed >= this.#rules.failures && failed * 2 >= this.#outcomes.length) this.#opens(retryAfterMs);
  }

  #opens(retryAfterMs: number): void {
    const { openMs, maxOpenMs } = this.#rules;
    const now = this.#now();
    const ms = Math.max(retryAfterMs, Math.min(maxOpenMs, openMs * 2 ** this.#openings));
    this.#openings++;
    this.#open = { since: now, until: now + ms * (1 + this.#random() / 2) };
  }

  #remember(ok: boolean): void {
    const at = this.#now();
    const from = at - this.#rules.windowMs;
    this.#outcomes = [...this.#outcomes.filter((outcome) => outcome.at > from), { at, ok }].slice(-MAX_OUTCOMES);
  }
}
