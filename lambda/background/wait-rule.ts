import type { ApiError } from '../errors/api-error.ts';
import { ModelError } from '../upstream/errors.ts';
import type { Waiting } from './stored-response.ts';

/** First pause before the next attempt, in seconds. It doubles with each attempt. */
const FIRST_PAUSE_SECONDS = 15;
/** Longest pause, in seconds. */
const MAX_PAUSE_SECONDS = 300;

/**
 * Decides what follows if a response finds no place: the endpoint has no copy, or its load, the key's limits or a store let it not run
 * now. It waits twice as long from attempt to attempt, at least as long as the refusal says, and not beyond `maxSeconds` after the
 * first of the attempts.
 *
 * @param before the wait so far. Progress ends a wait
 * @param now Unix time, in seconds
 * @returns the wait that follows, or `undefined` if its time is over
 */
export function nextWait(
  before: Waiting | undefined,
  { code, message, headers }: Pick<ApiError, 'code' | 'message' | 'headers'>,
  now: number,
  maxSeconds: number,
): Waiting | undefined {
  const since = before?.since ?? now;
  if (now - since >= maxSeconds) return undefined;
  const attempts = (before?.attempts ?? 0) + 1;
  const backoff = Math.min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (attempts - 1));
  const asked = Number(headers['retry-after'] ?? 0);
  const pause = Math.max(backoff, Math.min(MAX_PAUSE_SECONDS, Number.isFinite(asked) ? asked : 0));
  return {
    code: code ?? 'unavailable',
    message,
    since,
    attempts,
    retryAt: Math.ceil(Math.min(now + pause, since + maxSeconds)),
  };
}

/** Whether an error says that a response cannot run now, and may later: there is no place for it, or its server fails for a while. */
export function isTemporary(error: unknown, { status }: Pick<ApiError, 'status'>): boolean {
  return status === 429 || status === 503 || (error instanceof ModelError && error.retryable);
}
