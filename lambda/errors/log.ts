import type { ApiError } from './api-error.ts';
import { loggableError, withoutQuote } from './loggable-error.ts';

/** A line of the log. Never a prompt, a thought or an answer. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** A failure that is ours or the model's, with its cause, in the log. */
export function logFailure(log: Log, requestId: string, error: ApiError): void {
  log('error', 'request failed', {
    request_id: requestId,
    status: error.status,
    code: error.code,
    error: withoutQuote(error.message, error.cause),
    ...(error.cause === undefined ? {} : loggableError(error.cause)),
  });
}
