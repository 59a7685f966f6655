import { retryAfterSeconds } from './admission.ts';

/** State of an endpoint without a running copy. Times are on one clock, in seconds. */
export type WakeState =
  | { readonly kind: 'asleep' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'waking'; readonly since: number }
  /** The last wake failed, for example because the region had no instances. */
  | { readonly kind: 'failed'; readonly at: number; readonly why: string };

export interface ZeroSettings {
  /** Whether a stream is kept alive while a copy starts. If false, the request is answered with 503 immediately. */
  readonly waitForCopy: boolean;
  /** Longest wait of a request, in seconds. */
  readonly maxWaitSeconds: number;
  /** Expected start time of a copy, in seconds: the longest of the recent starts, or the plan's estimate. */
  readonly startSeconds: number;
  /** Backoff after a failed wake, in seconds. */
  readonly retryWakeSeconds: number;
}

export interface ZeroDecision {
  /** Whether to request a copy now. */
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

/** Decides for a request that finds no copy: whether it wakes the endpoint, and whether it waits or is answered with 503. */
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
 * Expected rest of a start, in seconds, at least 1. A start that is late by n seconds is expected to take n seconds more, so that
 * clients are not asked to retry every second while SageMaker searches for capacity.
 *
 * @param startSeconds expected duration of a start
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
