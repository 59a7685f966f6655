import type { AppDependencies } from '../context.ts';
import type { Caller } from '../keys/key-record.ts';

/**
 * Returns the caller of a key as `authenticate` does, by the id of the key: with the limits that the key has now. `undefined` if the
 * key was revoked or has expired.
 */
export function callerOfKey({
  keys,
  keyHashes,
}: Pick<AppDependencies, 'keys' | 'keyHashes'>): (keyId: string) => Promise<Caller | undefined> {
  return async (keyId) => {
    if (keyId === 'admin' || (keyId === 'anonymous' && keyHashes === undefined)) {
      return { id: keyId, admin: true, limits: {} };
    }
    const record = await keys?.findById(keyId);
    if (record === undefined) return undefined;
    const { id, limits, raw_prompts: rawPrompts, store } = record;
    return { id, admin: false, limits, rawPrompts, store };
  };
}
