import type { Generation } from './generation.ts';

/** Share of the time that is kept for the answer until the decode speed is known. 0 to 1. */
const ANSWER_TIME_SHARE = 0.2;

/** Decides when a segment must stop so that the answer is complete by the deadline, from the decode speed so far. */
export class Timing {
  readonly #generation: Generation;
  readonly #startedAt: number;
  #tokens = 0;

  constructor(generation: Generation) {
    this.#generation = generation;
    this.#startedAt = generation.clock.now();
  }

  /** Time since the generation started, in milliseconds. */
  elapsedMs(): number {
    return this.#generation.clock.now() - this.#startedAt;
  }

  /** Adds tokens to the measured decode speed. */
  count(tokens: number): void {
    this.#tokens += tokens;
  }

  /** Whether the deadline will have passed after `delayMs`. */
  isOverAfter(delayMs: number): boolean {
    const { deadlineMs, clock } = this.#generation;
    return deadlineMs !== undefined && clock.now() + delayMs >= deadlineMs;
  }

  /** Starts the timer of one segment. `signal` aborts when the segment must stop; `clear` stops the timer. */
  startCutTimer(part: 'thinking' | 'answer'): { readonly signal: AbortSignal; readonly clear: () => void } {
    const cutAt = this.#cutAt(part);
    const stopper = new AbortController();
    const timer =
      cutAt === undefined
        ? undefined
        : setTimeout(() => stopper.abort(), Math.max(0, cutAt - this.#generation.clock.now()));
    return { signal: stopper.signal, clear: () => clearTimeout(timer) };
  }

  /** Time on the clock at which a segment must stop, or `undefined` if there is no deadline. */
  #cutAt(part: 'thinking' | 'answer'): number | undefined {
    const { deadlineMs, clock, plan } = this.#generation;
    if (deadlineMs === undefined || part === 'answer') return deadlineMs;
    const totalMs = Math.max(0, deadlineMs - this.#startedAt);
    const now = clock.now();
    const msPerToken = this.#tokens === 0 ? undefined : (now - this.#startedAt) / this.#tokens;
    const answerMs =
      msPerToken === undefined
        ? totalMs * ANSWER_TIME_SHARE
        : Math.min(totalMs / 2, msPerToken * plan.limits.maxAnswerTokens);
    return deadlineMs - answerMs;
  }
}
