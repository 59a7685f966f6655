import { createHash } from 'node:crypto';

/** SHA-256 of a key in UTF-8, which is stored and compared instead of it. Keys have 192 random bits, so a slow hash is unnecessary. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
