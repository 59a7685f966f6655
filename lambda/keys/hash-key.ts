import { createHash } from 'node:crypto';

/** SHA-256: what is kept and compared of a key. A key has 192 random bits, so nothing slower is needed. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}
