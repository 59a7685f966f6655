import { timingSafeEqual } from 'node:crypto';
import { ApiError } from '../errors/api-error.ts';
import type { FailedLogins } from './failed-logins.ts';
import { hashKey } from './hash-key.ts';
import type { Caller } from './key-record.ts';
import type { KeyStore } from './key-store.ts';

/** Returns the SHA-256 of every admin key that is currently valid. */
export type KeyHashes = () => Promise<readonly Buffer[]>;

/** Sources of valid keys. If both are omitted, authentication is off. */
export interface KnownKeys {
  /** Admin keys of the deployment. They have all permissions and no limits. */
  readonly adminHashes?: KeyHashes | undefined;
  /** Keys with limits, created by an admin. */
  readonly store?: Pick<KeyStore, 'find'> | undefined;
  /** Failed logins by source. If this or `source` is omitted, they are not counted. */
  readonly failedLogins?: FailedLogins | undefined;
  /** Address of the client. */
  readonly source?: string | undefined;
}

/**
 * Identifies the caller of a request by its key: an admin key, or a key of the store. If no admin keys are configured, every other
 * request is anonymous and has admin permissions. Admin keys are compared by hash in constant time; other keys are looked up by
 * hash.
 *
 * @throws {ApiError} 401; 429 with Retry-After if the source has sent too many keys that are not valid
 */
export async function authenticate(headers: Headers, known: KnownKeys): Promise<Caller> {
  const key = keyOf(headers);
  const { failedLogins, source } = known;
  if (key === undefined || source === undefined || failedLogins === undefined) return await callerOf(key, known);
  const hash = hashKey(key).toString('hex');
  failedLogins.check(source, hash);
  try {
    const caller = await callerOf(key, known);
    if (caller.id !== ANONYMOUS) failedLogins.succeeded(hash);
    return caller;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) failedLogins.failed(source);
    throw error;
  }
}

/** Id of a caller without a valid key, if none is needed. */
const ANONYMOUS = 'anonymous';

async function callerOf(key: string | undefined, known: KnownKeys): Promise<Caller> {
  if (key !== undefined && known.adminHashes !== undefined && (await isAmong(key, known.adminHashes))) {
    return { id: 'admin', admin: true, limits: {} };
  }
  const record = key === undefined ? undefined : await known.store?.find(key);
  if (record !== undefined) {
    const { id, limits, raw_prompts: rawPrompts, store } = record;
    return { id, admin: false, limits, rawPrompts, store };
  }
  if (known.adminHashes === undefined) return { id: ANONYMOUS, admin: true, limits: {} };
  if (key === undefined) {
    throw unauthorized('Missing API key. Send it as the header "Authorization: Bearer KEY".', 'missing_api_key');
  }
  throw unauthorized('This API key is not valid.', 'invalid_api_key');
}

/** Reads the key from OpenAI's header, or from Anthropic's. */
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
