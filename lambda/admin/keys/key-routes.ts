import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';

/** Logs what an admin did to a key. */
export function audit({ log }: AppDependencies, action: string, requestId: string, key: string): void {
  log('info', 'admin', { action, key, request_id: requestId });
}

/** The error of a route of a key that does not exist. */
export function unknownKey(id: string): ApiError {
  return new ApiError(
    404,
    `Unknown or revoked key ${JSON.stringify(id.slice(0, 64))}. GET /v1/admin/keys lists all keys.`,
    { code: 'key_not_found' },
  );
}
