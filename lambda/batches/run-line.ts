import type { Hono } from 'hono';
import type { AppEnvironment, BatchLineOrigin } from '../context.ts';
import type { BatchEndpoint } from './records.ts';

/** What became of a line: a response, or nothing yet. */
export type LineOutcome =
  | { readonly kind: 'response'; readonly status: number; readonly requestId: string; readonly body: string }
  /** The key's limits or the copies have no room. The line is as if it had not been sent. */
  | { readonly kind: 'later'; readonly afterSeconds: number }
  /** The model or the service failed. The line may be sent again, a few times. */
  | { readonly kind: 'failed'; readonly status: number; readonly requestId: string; readonly body: string };

/** Sends a line to the app. */
export type RunLine = (line: {
  readonly endpoint: BatchEndpoint;
  readonly body: string;
  readonly origin: BatchLineOrigin;
  readonly signal: AbortSignal;
}) => Promise<LineOutcome>;

/** Statuses that say nothing about the request: the key's limits (429), or no copy with room (503). */
const LATER: ReadonlySet<number> = new Set([429, 503]);
/** Wait if the response names none, in seconds. */
const DEFAULT_WAIT = 15;

/**
 * Runs lines by the app that serves the API, so that limits, budgets, ledger and errors are those of any request of the key.
 *
 * @throws {Error} if the line was aborted, or its response broke off
 */
export function runLineBy(app: Pick<Hono<AppEnvironment>, 'fetch'>): RunLine {
  return async ({ endpoint, body, origin, signal }) => {
    const request = new Request(`http://batch${endpoint}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal,
    });
    const response = await app.fetch(request, { line: origin });
    const text = await response.text();
    signal.throwIfAborted();
    const { status, headers } = response;
    if (LATER.has(status)) {
      const seconds = Number(headers.get('retry-after'));
      return { kind: 'later', afterSeconds: seconds > 0 ? seconds : DEFAULT_WAIT };
    }
    const kind = status >= 500 ? 'failed' : 'response';
    return { kind, status, requestId: origin.requestId, body: text };
  };
}
