import { timingSafeEqual } from 'node:crypto';
import { ApiError } from '../errors/api-error.ts';
import { hashKey } from './hash-key.ts';
import type { Caller } from './key-record.ts';
import type { KeyStore } from './key-store.ts';

/** Gives the SHA-256 of every key that is valid now. */
export type KeyHashes = () => Promise<readonly Buffer[]>;

/** Where keys are known from. Neither: no key is asked for. */
export interface KnownKeys {
  /** The deployment's own: they may do everything, and have no limits. */
  readonly adminHashes?: KeyHashes | undefined;
  /** Keys with limits, made by an admin. */
  readonly store?: Pick<KeyStore, 'find'> | undefined;
}

/**
 * Who sends a request: an admin's key, a key of the store, or anybody where no admin's key is set up (then a key that is in the store still
 * counts as that). Admin keys are compared by their hashes, in constant time; others are looked up by their hash.
 *
 * @throws {ApiError} 401
 */
export async function authenticate(headers: Headers, known: KnownKeys): Promise<Caller> {
  const key = keyOf(headers);
  if (key !== undefined && known.adminHashes !== undefined && (await isAmong(key, known.adminHashes))) {
    return { id: 'admin', admin: true, limits: {} };
  }
  const record = key === undefined ? undefined : await known.store?.find(key);
  if (record !== undefined) return { id: record.id, admin: false, limits: record.limits };
  if (known.adminHashes === undefined) return { id: 'anonymous', admin: true, limits: {} };
  if (key === undefined) {
    throw unauthorized('Missing API key. Send it as the header "Authorization: Bearer KEY".', 'missing_api_key');
  }
  throw unauthorized('This API key is not valid.', 'invalid_api_key');
}

/** OpenAI's header, or Anthropic's. */
function keyOf(headers: Headers): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(headers.get('authorization') ?? '')?.[1] ?? headers.get('x-api-key') ?? undefined;
}

async function isAmong(key: string, hashes: KeyHashes): Promise<boolean> {
  const hash = hashKey(key);
  let valid = false;
  for (const candidate of await hashes()) valid = timingSafeEqual(hash, candidate) || valid;
  return valid;
}

function unauthorized(message: string, code: string): ApiError {
  return new ApiError(401, message, { code, headers: { 'www-authenticate': 'Bearer' } });
}
