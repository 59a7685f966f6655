import { type ModelError, NoCapacityError } from '../upstream/errors.ts';

/** How failed calls of the model are retried. */
export interface RetryPolicy {
  /** Consecutive attempts without a new token before the failure is final. Minimum: 1. */
  readonly attempts: number;
  /** Backoff before the second attempt, in milliseconds; doubles with each further one. */
  readonly backoffMs: number;
  /** How long to wait for a copy when the endpoint has none, in milliseconds. 0: fail with 503 at once. */
  readonly capacityWaitMs: number;
  /** Returns a random number from 0 to 1, which lengthens a backoff by up to a half. @default - the backoff is exact */
  readonly random?: () => number;
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 3, backoffMs: 250, capacityWaitMs: 0 };

/** Interval between two attempts while a copy is starting, in milliseconds. */
const CAPACITY_POLL_MS = 3_000;

/**
 * Delay before the next attempt, in milliseconds, or `undefined` if the failure is final.
 *
 * @param attempt consecutive attempts that gave no token; 0 if the failed call gave some.
 * @param elapsedMs time since the generation started.
 */
export function retryDelay(
  failure: ModelError,
  attempt: number,
  elapsedMs: number,
  policy: RetryPolicy,
): number | undefined {
  if (!failure.retryable) return undefined;
  // The call made progress, so the next one continues at once.
  if (attempt === 0) return 0;
  if (failure instanceof NoCapacityError) {
    return elapsedMs + CAPACITY_POLL_MS <= policy.capacityWaitMs ? CAPACITY_POLL_MS : undefined;
  }
  if (attempt >= policy.attempts) return undefined;
  const requestedMs = failure.retryAfterSeconds === undefined ? 0 : failure.retryAfterSeconds * 1_000;
  const delayMs = Math.max(requestedMs, policy.backoffMs * 2 ** (attempt - 1));
  return Math.round(delayMs * (1 + (policy.random?.() ?? 0) / 2));
}
