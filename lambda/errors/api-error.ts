import { ObjectsUnavailableError } from '../storage/objects.ts';
import { TableUnavailableError } from '../storage/table-unavailable-error.ts';
import { UnencodableTextError } from '../tokenizer/unencodable-text-error.ts';
import { ModelError } from '../upstream/errors.ts';

/** OpenAI's error body. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/**
 * An error for the client: an HTTP status and OpenAI's error body.
 *
 * Source: https://platform.openai.com/docs/guides/error-codes
 */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: ErrorStatus;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ErrorStatus,
    message: string,
    details: {
      readonly type?: string;
      readonly param?: string;
      readonly code?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.status = status;
    this.type = details.type ?? typeOf(status);
    this.param = details.param ?? null;
    this.code = details.code ?? null;
    this.headers = details.headers ?? {};
  }

  get body(): ErrorBody {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }
}

export type ErrorStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 429 | 500 | 502 | 503 | 504;

/**
 * A 400 for one field.
 *
 * @param param name of the field, as the client wrote it
 * @param message what is wrong, with the value, and what to send instead
 */
export function invalidRequest(param: string, message: string, code = 'invalid_value'): ApiError {
  return new ApiError(400, message, { param, code });
}

/** Converts anything thrown to an error for the client. The details of an unexpected error are left out. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof ModelError) {
    const retryAfter = error.retryAfterSeconds ?? (error.status === 503 || error.status === 429 ? 5 : undefined);
    return new ApiError(error.status, error.publicMessage, {
      code: error.code,
      cause: error,
      ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(Math.ceil(retryAfter)) } }),
    });
  }
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new ApiError(
      504,
      'The function ran out of time before the answer began. Stream the answer, lower the budget, or set thinking.deadline_ms.',
      { code: 'deadline_exceeded', cause: error },
    );
  }
  if (error instanceof UnencodableTextError) {
    return new ApiError(400, error.message, { code: 'unencodable_text', cause: error });
  }
  if (error instanceof TableUnavailableError) {
    const message = 'The table of keys, limits and usage is unavailable. Retry the request.';
    return new ApiError(503, message, { code: 'table_unavailable', cause: error, headers: { 'retry-after': '2' } });
  }
  if (error instanceof ObjectsUnavailableError) {
    const message = 'The store of conversations is unavailable. Retry the request.';
    return new ApiError(503, message, { code: 'store_unavailable', cause: error, headers: { 'retry-after': '2' } });
  }
  return new ApiError(
    500,
    'Internal error. The log of the service has its cause under the x-request-id of this response.',
    {
      code: 'internal_error',
      cause: error,
    },
  );
}

function typeOf(status: ErrorStatus): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
