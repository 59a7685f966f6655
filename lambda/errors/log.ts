import type { ApiError } from './api-error.ts';
import { loggableError, withoutQuote } from './loggable-error.ts';

/** Writes a line to the log. Never pass a prompt, thinking or an answer. */
export type Log = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** Logs a failure of the service or of the model, with its cause. */
export function logFailure(log: Log, requestId: string, error: ApiError): void {
  log('error', 'request failed', {
    request_id: requestId,
    status: error.status,
    code: error.code,
    error: withoutQuote(error.message, error.cause),
    ...(error.cause === undefined ? {} : loggableError(error.cause)),
  });
}
