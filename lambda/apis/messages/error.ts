import type { ApiError } from '../../errors/api-error.ts';

/**
 * Converts an error to Anthropic's error body.
 *
 * Source: https://docs.anthropic.com/en/api/errors
 */
export function messagesError({ status, message }: ApiError, requestId: string) {
  return {
    type: 'error',
    error: { type: errorTypes[status] ?? 'invalid_request_error', message },
    request_id: requestId,
  };
}

const errorTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};
