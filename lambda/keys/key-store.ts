import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../errors/api-error.ts';
import type { Item, ItemTable } from '../storage/table.ts';
import { hashKey } from './hash-key.ts';
import { type KeyLimits, type KeyRecord, keyRecordSchema } from './key-record.ts';

/** Time to live of cached key records, in milliseconds. Revocations and new limits take effect within this time. */
const CACHE_MS = 15_000;
const MAX_CACHED = 1_000;
/** Attempts of a change whose conditional writes fail because of other changes. */
const MAX_CHANGE_ATTEMPTS = 30;

const PARTITION = 'KEY';

export interface NewKey {
  readonly record: KeyRecord;
  /** Returned once, never stored. */
  readonly key: string;
}

/** Keys of a deployment. Only hashes are stored. Lookups go by the hash, so their timing reveals nothing about a key. */
export class KeyStore {
  readonly #table: ItemTable;
  readonly #unixTime: () => number;
  readonly #cache = new Map<string, { readonly record: KeyRecord | undefined; readonly until: number }>();

  constructor(table: ItemTable, unixTime: () => number) {
    this.#table = table;
    this.#unixTime = unixTime;
  }

  /** Returns the record of a key, or `undefined` if the key is unknown, revoked or expired. */
  async find(key: string): Promise<KeyRecord | undefined> {
    const hash = hashKey(key).toString('hex');
    const cached = this.#cache.get(hash);
    const now = this.#unixTime();
    const record = cached !== undefined && now < cached.until ? cached.record : await this.#read(hash);
    if (record === undefined || record.revoked === true) return undefined;
    return record.expires !== undefined && record.expires <= now ? undefined : record;
  }

  /** Returns the record of a key by its id, or `undefined` if the key is unknown, revoked or expired. Reads all keys. */
  async findById(id: string): Promise<KeyRecord | undefined> {
    const values = await this.#valid(id);
    return (values.find(({ record }) => record.replaced !== true) ?? values[0])?.record;
  }

  async create(
    name: string,
    {
      limits = {},
      store = false,
      rawPrompts = false,
      expires,
    }: {
      readonly limits?: KeyLimits;
      readonly store?: boolean;
      readonly rawPrompts?: boolean;
      readonly expires?: number | undefined;
    } = {},
  ): Promise<NewKey> {
    const { record, key } = await this.#write({
      id: `key_${randomBytes(8).toString('hex')}`,
      name,
      created: this.#unixTime(),
      limits,
      store,
      raw_prompts: rawPrompts,
      ...(expires === undefined ? {} : { expires }),
    });
    return { record, key };
  }

  /** All keys, the newest first. A rotated key appears once for each of its values. */
  async list(): Promise<readonly KeyRecord[]> {
    return (await this.#all()).map(({ record }) => record).toSorted((a, b) => b.created - a.created);
  }

  /**
   * Creates a new value for a key; the old one stays valid for `graceSeconds`. Returns `undefined` if the key does not exist or is
   * revoked meanwhile.
   *
   * @throws {ApiError} 409 if other changes of the key keep coming first
   */
  async rotate(id: string, graceSeconds: number): Promise<NewKey | undefined> {
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const old = await this.#valid(id);
      const last = old.find(({ record }) => record.replaced !== true);
      if (last === undefined) return undefined;
      const { ends_in: _, ...kept } = last.record;
      // Written first: a revoke that comes before the next write makes that write fail, and one that comes after it finds this value.
      const { hash, ...created } = await this.#write({ ...kept, created: this.#unixTime() });
      const until = this.#unixTime() + graceSeconds;
      const replaced = (record: KeyRecord): KeyRecord => ({
        ...record,
        replaced: true,
        expires: Math.min(record.expires ?? until, until),
      });
      if (await this.#replace(last, replaced(last.record), hash)) {
        for (const other of old) if (other !== last) await this.#changeItem(other, replaced);
        return { record: created.record, key: created.key };
      }
      // The new value is known to no client.
      await this.#table.delete(PARTITION, hash);
      await backOff(attempt);
    }
    throw changedMeanwhile(id);
  }

  /**
   * Revokes all values of a key, for good: every other change of a key is conditional on the version that it read, so none undoes
   * this one. Returns whether the key existed.
   *
   * @throws {ApiError} 503 if other changes of the key keep coming first
   */
  async revoke(id: string): Promise<boolean> {
    const { existed, complete } = await this.#changeAll(id, (record) => ({ ...record, revoked: true }));
    if (complete) return existed;
    throw new ApiError(503, `Key ${id} is not revoked yet: it is being changed. Retry the request.`, {
      code: 'key_changed',
      headers: { 'retry-after': '1' },
    });
  }

  /**
   * Replaces the limits of a key, what may be stored, and whether it may send raw prompts, as far as given. Returns whether the key
   * exists: a key that is revoked meanwhile does not.
   *
   * @throws {ApiError} 409 if other changes of the key keep coming first
   */
  async change(
    id: string,
    {
      limits,
      store,
      raw_prompts: rawPrompts,
    }: {
      readonly limits?: KeyLimits | undefined;
      readonly store?: boolean | undefined;
      readonly raw_prompts?: boolean | undefined;
    },
  ): Promise<boolean> {
    const { complete } = await this.#changeAll(id, (record) => ({
      ...record,
      limits: limits ?? record.limits,
      store: store ?? record.store,
      raw_prompts: rawPrompts ?? record.raw_prompts,
    }));
    if (!complete) throw changedMeanwhile(id);
    return (await this.#valid(id)).length > 0;
  }

  /**
   * Changes each valid value of a key once. Reads again until no value is left, because a rotation may add one between the read and
   * the writes.
   */
  async #changeAll(
    id: string,
    change: (record: KeyRecord) => KeyRecord,
  ): Promise<{ readonly existed: boolean; readonly complete: boolean }> {
    const changed = new Set<string>();
    let existed = false;
    for (let attempt = 0; attempt < MAX_CHANGE_ATTEMPTS; attempt++) {
      const left = (await this.#valid(id)).filter(({ hash }) => !changed.has(hash));
      if (left.length === 0) return { existed, complete: true };
      existed = true;
      let conflict = false;
      for (const value of left) {
        if (await this.#replace(value, change(value.record))) changed.add(value.hash);
        else conflict = true;
      }
      if (conflict) await backOff(attempt);
    }
    return { existed, complete: false };
  }

  /** Changes one value, unless it is revoked meanwhile. */
  async #changeItem(value: StoredKey, change: (record: KeyRecord) => KeyRecord): Promise<void> {
    let current: StoredKey | undefined = value;
    for (let attempt = 0; current !== undefined && current.record.revoked !== true; attempt++) {
      if (await this.#replace(current, change(current.record))) return;
      if (attempt >= MAX_CHANGE_ATTEMPTS) throw changedMeanwhile(value.record.id);
      await backOff(attempt);
      const item = await this.#table.get(PARTITION, value.hash);
      current = item === undefined ? undefined : toStoredKey(item);
    }
  }

  /** Conditional write on the version. Returns whether it succeeded. `successor` is the hash of the value that replaces this one. */
  async #replace({ hash, version }: StoredKey, record: KeyRecord, successor?: string): Promise<boolean> {
    const item = { pk: PARTITION, sk: hash, ...record, ...(successor === undefined ? {} : { successor }) };
    const written = await this.#table.putIfVersion(item, version);
    this.#cache.delete(hash);
    if (written || successor === undefined) return written;
    // If the response to a write is lost, the SDK retries the write, and the retry fails because of the first attempt.
    return (await this.#table.get(PARTITION, hash))?.['successor'] === successor;
  }

  async #valid(id: string) {
    const now = this.#unixTime();
    return (await this.#all()).filter(
      ({ record }) => record.id === id && record.revoked !== true && (record.expires ?? Number.POSITIVE_INFINITY) > now,
    );
  }

  async #all(): Promise<readonly StoredKey[]> {
    const found = [];
    for await (const item of this.#table.query(PARTITION, '', { consistent: true })) found.push(toStoredKey(item));
    return found;
  }

  async #write(record: Omit<KeyRecord, 'ends_in'>): Promise<NewKey & { readonly hash: string }> {
    const key = `bf-${randomBytes(24).toString('base64url')}`;
    const whole = { ...record, ends_in: key.slice(-4) };
    const hash = hashKey(key).toString('hex');
    // The key has 192 random bits: if the item exists, a retry of this write finds the first attempt.
    await this.#table.putIfVersion({ pk: PARTITION, sk: hash, ...whole }, undefined);
    this.#cache.delete(hash);
    return { record: whole, key, hash };
  }

  async #read(hash: string): Promise<KeyRecord | undefined> {
    // The time before the read: a change that comes while the read is under way takes effect within the time to live, too.
    const until = this.#unixTime() + CACHE_MS / 1_000;
    const item = await this.#table.get(PARTITION, hash);
    const record = item === undefined ? undefined : keyRecordSchema.parse(item);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(hash, { record, until });
    return record;
  }
}

/** A value of a key with the version at which it was read. Items of earlier releases have no version. */
interface StoredKey {
  readonly hash: string;
  readonly record: KeyRecord;
  readonly version: number | undefined;
}

function toStoredKey(item: Item): StoredKey {
  const { sk, version } = item;
  return {
    hash: String(sk),
    record: keyRecordSchema.parse(item),
    version: version === undefined ? undefined : Number(version),
  };
}

async function backOff(attempt: number): Promise<void> {
  await sleep(Math.random() * 10 * 2 ** Math.min(attempt, 5));
}

function changedMeanwhile(id: string): ApiError {
  return new ApiError(409, `Key ${id} is being changed by other requests. Retry the request.`, {
    code: 'key_changed',
    headers: { 'retry-after': '1' },
  });
}
