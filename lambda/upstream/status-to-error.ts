import * as z from 'zod';
import {
  type ModelError,
  ModelFailedError,
  ModelMisconfiguredError,
  ModelRejectedError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
} from './errors.ts';

const bodySchema = z.union([
  z.object({ error: z.object({ message: z.string() }) }).transform((body) => body.error.message),
  z.object({ error: z.string() }).transform((body) => body.error),
  z.object({ message: z.string() }).transform((body) => body.message),
  z.object({ detail: z.string() }).transform((body) => body.detail),
]);

/** Maximum length of a server's message that is passed on, in characters. */
const MAX_MESSAGE_LENGTH = 300;

/** Maps the HTTP status and body of a model server to a `ModelError`. */
export function statusToError(status: number, body: string, retryAfterSeconds?: number): ModelError {
  const serverMessage = readMessage(body);
  const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  if (status === 401 || status === 403) {
    return new ModelMisconfiguredError(
      `The model server rejected the function's credentials (status ${status}). Check the API key of the upstream.`,
    );
  }
  if (status === 404) {
    return new ModelMisconfiguredError(`The model server has no such model or route (status 404): ${serverMessage}`, {
      serverMessage,
    });
  }
  if (status === 408 || status === 504) return new ModelTimeoutError(`The model server timed out (status ${status}).`);
  if (status === 429)
    return new ModelThrottledError('The model server is throttling: it has too many requests.', retry);
  if (status === 503) return new ModelUnavailableError('The model server is starting or overloaded.', retry);
  if (status < 500) {
    return new ModelRejectedError(`The model server rejected the request (status ${status}): ${serverMessage}`, {
      serverMessage,
    });
  }
  return new ModelFailedError(`The model server failed (status ${status}): ${serverMessage}`, { serverMessage });
}

function readMessage(body: string): string {
  let message = body;
  try {
    message = bodySchema.parse(JSON.parse(body));
  } catch {
    // The body is no known JSON shape, so its text is the message.
  }
  return message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH)}…` : message || 'no message';
}
