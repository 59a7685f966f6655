import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.ts';

/** Gives the SHA-256 of every key that is valid now. */
export type KeyHashes = () => Promise<readonly Buffer[]>;

export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/**
 * Asks for a valid bearer key. Keys are compared by their hashes, in constant time.
 *
 * @throws {ApiError} 401
 */
export async function authenticate(authorization: string | undefined, keyHashes: KeyHashes): Promise<void> {
  const key = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (key === undefined) {
    throw unauthorized('No API key came. Send it as the header "Authorization: Bearer KEY".', 'missing_api_key');
  }
  const hash = hashKey(key);
  let valid = false;
  for (const candidate of await keyHashes()) valid = timingSafeEqual(hash, candidate) || valid;
  if (!valid) throw unauthorized('This API key is not valid.', 'invalid_api_key');
}

function unauthorized(message: string, code: string): ApiError {
  return new ApiError(401, message, { code, headers: { 'www-authenticate': 'Bearer' } });
}
