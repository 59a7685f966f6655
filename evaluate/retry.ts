import { setTimeout as sleep } from 'node:timers/promises';

const MAX_ATTEMPTS = 5;
const MAX_BACKOFF_SECONDS = 600;

/** What to do after a call that failed: the folder keeps what is answered. */
const CONTINUE = 'Run the same command again to continue.';

/** A call that failed. */
export interface Failure {
  readonly failure: string;
  readonly retryable: boolean;
  /** The server's `Retry-After`. */
  readonly backoffSeconds?: number | undefined;
}

/**
 * Calls until it succeeds, at most five times, with exponential backoff or the server's `Retry-After`. `signal` ends the backoff.
 *
 * @throws {Error} if the last call failed, a failure cannot be retried, or the server asks to wait longer than ten minutes
 */
export async function withRetries<T extends object>(call: () => Promise<T | Failure>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await call();
    if (!isFailure(outcome)) return outcome;
    const { failure, retryable, backoffSeconds = 0.5 * 2 ** attempt } = outcome;
    if (!retryable || attempt === MAX_ATTEMPTS) throw new Error(failure);
    if (backoffSeconds > MAX_BACKOFF_SECONDS)
      throw new Error(`${failure} The API asks to retry after ${backoffSeconds} s. ${CONTINUE}`);
    if (backoffSeconds >= 5) process.stderr.write(`Retrying in ${backoffSeconds} s: ${failure}\n`);
    await sleep(backoffSeconds * 1_000, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function isFailure(outcome: object): outcome is Failure {
  return 'failure' in outcome;
}

/**
 * Sends a JSON body. Returns the response if its status is a success.
 *
 * @param name of the API in messages
 */
export async function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: unknown,
  name = 'The API',
): Promise<Response | (Failure & { readonly status?: number })> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  } catch {
    return { failure: `${url} cannot be reached. ${CONTINUE}`, retryable: true };
  }
  if (response.ok) return response;
  const text = (await response.text().catch(() => '')).slice(0, 300);
  return {
    failure: `${name} answered ${response.status}: ${text}`,
    retryable: response.status === 408 || response.status === 429 || response.status >= 500,
    backoffSeconds: retryAfterOf(response),
    status: response.status,
  };
}

/** The `Retry-After` header in seconds: a number, or a date. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = /^\s*\d+(?:\.\d+)?\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : undefined;
}
