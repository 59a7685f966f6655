/** A failed call of the model. Each subclass is one cause that a caller may want to tell from the others. */
export abstract class ModelError extends Error {
  /** HTTP status of the response to the client. */
  abstract readonly status: 400 | 429 | 500 | 502 | 503 | 504;
  /** OpenAI's `error.code`. */
  abstract readonly code: string;
  /** Whether the segment may be retried from the ids so far. */
  abstract readonly retryable: boolean;
  /** Time after which a retry may succeed, in seconds, if known. */
  readonly retryAfterSeconds?: number;
  /**
   * The part of `message` that the model server wrote. It may quote prompts and name hosts, files and versions, so it reaches neither
   * clients nor the log.
   */
  readonly serverMessage?: string;

  constructor(message: string, options?: { cause?: unknown; retryAfterSeconds?: number; serverMessage?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    if (options?.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds;
    if (options?.serverMessage !== undefined) this.serverMessage = options.serverMessage;
  }

  /** The message without what the model server wrote. */
  get publicMessage(): string {
    const { message, serverMessage = '' } = this;
    if (serverMessage === '' || !message.includes(serverMessage)) return message;
    return `${message.replaceAll(serverMessage, '').replace(/[\s:]+$/, '')}.`;
  }
}

/** The endpoint has no copy in service: it is scaled to zero, or its first copy is starting. */
export class NoCapacityError extends ModelError {
  override readonly name = 'NoCapacityError';
  readonly status = 503;
  readonly code = 'model_no_capacity';
  readonly retryable = true;
}

/** The endpoint exists but is not ready, overloaded or unreachable. */
export class ModelUnavailableError extends ModelError {
  override readonly name = 'ModelUnavailableError';
  readonly status = 503;
  readonly code = 'model_unavailable';
  readonly retryable = true;
}

/** AWS or the model server throttles the calls. */
export class ModelThrottledError extends ModelError {
  override readonly name = 'ModelThrottledError';
  readonly status = 429;
  readonly code = 'rate_limit_exceeded';
  readonly retryable = true;
}

/** The call exceeded its time limit: 60 seconds, or 8 minutes for a stream. */
export class ModelTimeoutError extends ModelError {
  override readonly name = 'ModelTimeoutError';
  readonly status = 504;
  readonly code = 'model_timeout';
  readonly retryable = true;
}

/** The stream broke after its first chunk. A retry can continue from the ids so far. */
export class StreamBrokenError extends ModelError {
  override readonly name = 'StreamBrokenError';
  readonly status = 502;
  readonly code = 'model_stream_broken';
  readonly retryable = true;
}

/** The model server rejected the request as invalid (status 4xx). */
export class ModelRejectedError extends ModelError {
  override readonly name = 'ModelRejectedError';
  readonly status = 400;
  readonly code = 'model_rejected_request';
  readonly retryable = false;
}

/** The model server failed (status 5xx), or sent a response that cannot be parsed. */
export class ModelFailedError extends ModelError {
  override readonly name = 'ModelFailedError';
  readonly status = 502;
  readonly code = 'model_failed';
  readonly retryable = true;
}

/** The function lacks permission to call the endpoint, or the endpoint does not exist: an error of the deployment. */
export class ModelMisconfiguredError extends ModelError {
  override readonly name = 'ModelMisconfiguredError';
  readonly status = 500;
  readonly code = 'model_misconfigured';
  readonly retryable = false;
}
