import type { Limits } from '../forcing/report.ts';
import type { Generation } from './generation.ts';

/** Share of the time that is kept for the answer, or for a minimum of thinking, until the decode speed is known. 0 to 1. */
const TIME_SHARE = 0.2;

/** Decides when a segment must stop so that the answer is complete by the deadline, from the decode speed so far. */
export class Timing {
  readonly #generation: Generation;
  readonly #startedAt: number;
  #firstTokenAt: number | undefined;
  #noCopySince: number | undefined;
  #tokens = 0;

  constructor(generation: Generation) {
    this.#generation = generation;
    this.#startedAt = generation.clock.now();
  }

  /** Time since the generation started, in milliseconds. */
  elapsedMs(): number {
    return this.#generation.clock.now() - this.#startedAt;
  }

  /** Adds tokens to the measured decode speed. The wait for a copy and for the first token does not count. */
  count(tokens: number): void {
    this.#firstTokenAt ??= this.#generation.clock.now();
    this.#tokens += tokens;
  }

  /** Whether the deadline will have passed after `delayMs`. */
  isOverAfter(delayMs: number): boolean {
    const { deadlineMs, clock } = this.#generation;
    return deadlineMs !== undefined && clock.now() + delayMs >= deadlineMs;
  }

  /**
   * Whether a first copy comes too late, because the answer and the minimum of thinking no longer fit before the deadline.
   *
   * @param alreadyStarting whether a copy was starting before this request came, so that the rest of its start is unknown
   * @returns time until the copy is expected, in seconds, if it comes too late
   */
  copyTooLateSeconds(alreadyStarting: boolean): number | undefined {
    const { clock, deadlineMs, coldStart, plan, retry } = this.#generation;
    const now = clock.now();
    this.#noCopySince ??= now;
    if (deadlineMs === undefined) return undefined;
    const startMs = coldStart?.startMs ?? 0;
    const expectedMs = alreadyStarting ? 0 : Math.max(0, this.#noCopySince + startMs - now);
    const latest = Math.min(
      deadlineMs - neededMs(plan.limits, deadlineMs - this.#startedAt, coldStart?.msPerToken),
      this.#startedAt + retry.capacityWaitMs,
    );
    if (now + expectedMs <= latest) return undefined;
    return Math.max(1, Math.ceil((expectedMs === 0 ? RETRY_MS : expectedMs) / 1_000));
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
    const now = clock.now();
    const since = this.#firstTokenAt ?? now;
    const totalMs = Math.max(0, deadlineMs - since);
    const answerMs =
      this.#tokens === 0
        ? totalMs * TIME_SHARE
        : Math.min(totalMs / 2, ((now - since) / this.#tokens) * plan.limits.maxAnswerTokens);
    return deadlineMs - answerMs;
  }
}

/** Retry-After if the time of the next copy is unknown, in milliseconds. */
const RETRY_MS = 30_000;

/**
 * Time that must be left when the first copy takes the request, in milliseconds: for the answer, at most a fifth of the whole
 * time, and for the minimum of thinking.
 *
 * @param msPerToken expected decode time of one token. If `undefined`, a minimum of thinking takes a fifth of the whole time.
 */
export function neededMs(
  { minTokens, maxAnswerTokens }: Pick<Limits, 'minTokens' | 'maxAnswerTokens'>,
  totalMs: number,
  msPerToken = Number.POSITIVE_INFINITY,
): number {
  const share = totalMs * TIME_SHARE;
  const thinkingMs = msPerToken === Number.POSITIVE_INFINITY ? share : minTokens * msPerToken;
  return Math.min(share, maxAnswerTokens * msPerToken) + (minTokens === 0 ? 0 : thinkingMs);
}
