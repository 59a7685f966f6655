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

/** Of a server's own message, at most so much is passed on. Characters. */
const MESSAGE_LENGTH = 300;

/** A model server's HTTP status and body as one of our errors. */
export function statusToError(status: number, body: string, retryAfterSeconds?: number): ModelError {
  const serverMessage = messageOf(body);
  const retry = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  if (status === 401 || status === 403) {
    return new ModelMisconfiguredError(
      `The model server refused our credentials (status ${status}). Check its API key.`,
    );
  }
  if (status === 404) {
    return new ModelMisconfiguredError(
      `The model server does not know the model or the route (status 404): ${serverMessage}`,
      { serverMessage },
    );
  }
  if (status === 408 || status === 504) return new ModelTimeoutError(`The model server timed out (status ${status}).`);
  if (status === 429) return new ModelThrottledError('The model server has too many requests.', retry);
  if (status === 503) return new ModelUnavailableError('The model server is not ready or overloaded.', retry);
  if (status < 500) {
    return new ModelRejectedError(`The model server refused the request (status ${status}): ${serverMessage}`, {
      serverMessage,
    });
  }
  return new ModelFailedError(`The model server failed (status ${status}): ${serverMessage}`, { serverMessage });
}

function messageOf(body: string): string {
  let message = body;
  try {
    message = bodySchema.parse(JSON.parse(body));
  } catch {
    // No JSON, or none that we know: the text itself is the message.
  }
  return message.length > MESSAGE_LENGTH ? `${message.slice(0, MESSAGE_LENGTH)}…` : message || 'no message';
}
