import { retryAfterSeconds } from './admission.ts';

/** How an endpoint without a copy is doing. Times on one clock, in seconds. */
export type WakeState =
  | { readonly kind: 'asleep' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'waking'; readonly since: number }
  /** The last wake failed, for instance for lack of instances in the region. */
  | { readonly kind: 'failed'; readonly at: number; readonly why: string };

export interface ZeroSettings {
  /** Whether a stream is kept alive while a copy starts; otherwise the answer is 503 at once. */
  readonly waitForCopy: boolean;
  /** The longest that a request waits. Seconds. */
  readonly maxWaitSeconds: number;
  /** How long a start is expected to take: the longest of the last starts, or the plan's estimate. Seconds. */
  readonly startSeconds: number;
  /** After a failed wake the next one is tried so much later. Seconds. */
  readonly retryWakeSeconds: number;
}

export interface ZeroDecision {
  /** Whether a copy is to be asked for now. */
  readonly wake: boolean;
  readonly answer:
    | { readonly kind: 'wait'; readonly expectedSeconds: number }
    | {
        readonly kind: 'unavailable';
        readonly status: 503;
        readonly code: 'endpoint_starting' | 'endpoint_paused' | 'no_capacity';
        readonly retryAfterSeconds: number;
        readonly message: string;
      };
}

/** What a request does that finds no copy: wake the endpoint where nobody did yet, and wait or be told when to come back. */
export function atZeroCopies(state: WakeState, settings: ZeroSettings, now: number): ZeroDecision {
  switch (state.kind) {
    case 'paused':
      return {
        wake: false,
        answer: unavailable('endpoint_paused', 3_600, 'The endpoint was paused by its operator.'),
      };
    case 'failed': {
      const again = state.at + settings.retryWakeSeconds - now;
      const wake = again <= 0;
      const seconds = Math.max(0, again) + settings.startSeconds;
      return {
        wake,
        answer: unavailable('no_capacity', seconds, `The endpoint has no copy, and starting one failed: ${state.why}`),
      };
    }
    case 'asleep':
      return { wake: true, answer: waitOrLater(settings.startSeconds, settings) };
    case 'waking':
      return { wake: false, answer: waitOrLater(startsIn(state.since, settings.startSeconds, now), settings) };
  }
}

/**
 * How long a start takes on, at least a second. One that is late is expected to take as long again as it is late: nobody is told
 * to come back each second for as long as capacity is looked for.
 *
 * @param startSeconds how long a start is expected to take
 */
export function startsIn(since: number, startSeconds: number, now: number): number {
  return Math.max(1, Math.abs(since + startSeconds - now));
}

function waitOrLater(seconds: number, settings: ZeroSettings): ZeroDecision['answer'] {
  if (settings.waitForCopy && seconds <= settings.maxWaitSeconds) return { kind: 'wait', expectedSeconds: seconds };
  return unavailable('endpoint_starting', seconds, 'The endpoint has no copy yet; one is starting.');
}

function unavailable(
  code: 'endpoint_starting' | 'endpoint_paused' | 'no_capacity',
  seconds: number,
  message: string,
): ZeroDecision['answer'] {
  return { kind: 'unavailable', status: 503, code, retryAfterSeconds: retryAfterSeconds(seconds), message };
}
