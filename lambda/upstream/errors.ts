/** What may go wrong while a segment runs, as classes that a caller may want to catch. */
export abstract class ModelError extends Error {
  /** The HTTP status that a client gets. */
  abstract readonly status: 400 | 429 | 500 | 502 | 503 | 504;
  /** OpenAI's `error.code`. */
  abstract readonly code: string;
  /** Whether the same segment may be run again from the ids so far. */
  abstract readonly retryable: boolean;
  /** Seconds after which a new try makes sense, where known. */
  readonly retryAfterSeconds?: number;
  /** The part of the message that the server wrote. It may quote the prompt: the client may read it, the log never. */
  readonly serverMessage?: string;

  constructor(message: string, options?: { cause?: unknown; retryAfterSeconds?: number; serverMessage?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause });
    if (options?.retryAfterSeconds !== undefined) this.retryAfterSeconds = options.retryAfterSeconds;
    if (options?.serverMessage !== undefined) this.serverMessage = options.serverMessage;
  }
}

/** The endpoint has no copy that could serve: it is at zero, or the first one is still starting. */
export class NoCapacityError extends ModelError {
  override readonly name = 'NoCapacityError';
  readonly status = 503;
  readonly code = 'model_no_capacity';
  readonly retryable = true;
}

/** The endpoint exists but does not answer yet, or is overloaded for now. */
export class ModelUnavailableError extends ModelError {
  override readonly name = 'ModelUnavailableError';
  readonly status = 503;
  readonly code = 'model_unavailable';
  readonly retryable = true;
}

/** AWS or the server throttles us. */
export class ModelThrottledError extends ModelError {
  override readonly name = 'ModelThrottledError';
  readonly status = 429;
  readonly code = 'rate_limit_exceeded';
  readonly retryable = true;
}

/** A call ran longer than it may (60 s, or 8 min for a stream). */
export class ModelTimeoutError extends ModelError {
  override readonly name = 'ModelTimeoutError';
  readonly status = 504;
  readonly code = 'model_timeout';
  readonly retryable = true;
}

/** The stream broke after it began. What came before stands; the rest can be run from the ids so far. */
export class StreamBrokenError extends ModelError {
  override readonly name = 'StreamBrokenError';
  readonly status = 502;
  readonly code = 'model_stream_broken';
  readonly retryable = true;
}

/** The model's server refused the request as wrong (a 4xx of its own). */
export class ModelRejectedError extends ModelError {
  override readonly name = 'ModelRejectedError';
  readonly status = 400;
  readonly code = 'model_rejected_request';
  readonly retryable = false;
}

/** The server failed (a 5xx of its own), or answered what cannot be understood. */
export class ModelFailedError extends ModelError {
  override readonly name = 'ModelFailedError';
  readonly status = 502;
  readonly code = 'model_failed';
  readonly retryable = true;
}

/** We may not call the endpoint, or it does not exist: a mistake of the deployment, not of the caller. */
export class ModelMisconfiguredError extends ModelError {
  override readonly name = 'ModelMisconfiguredError';
  readonly status = 500;
  readonly code = 'model_misconfigured';
  readonly retryable = false;
}
