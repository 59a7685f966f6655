import { randomBytes } from 'node:crypto';
import type { ItemTable } from '../storage/table.ts';
import { hashKey } from './hash-key.ts';
import { type KeyLimits, type KeyRecord, keyRecordSchema } from './key-record.ts';

/** Time to live of cached key records, in milliseconds. Revocations and new limits take effect within this time. */
const CACHE_MS = 15_000;
const MAX_CACHED = 1_000;

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

  async create(
    name: string,
    {
      limits = {},
      store = false,
      expires,
    }: { readonly limits?: KeyLimits; readonly store?: boolean; readonly expires?: number | undefined } = {},
  ): Promise<NewKey> {
    return await this.#write({
      id: `key_${randomBytes(8).toString('hex')}`,
      name,
      created: this.#unixTime(),
      limits,
      store,
      ...(expires === undefined ? {} : { expires }),
    });
  }

  /** All keys, the newest first. A rotated key appears once for each of its values. */
  async list(): Promise<readonly KeyRecord[]> {
    return (await this.#all()).map(({ record }) => record).toSorted((a, b) => b.created - a.created);
  }

  /** Creates a new value for a key; the old one stays valid for `graceSeconds`. Returns `undefined` if the key does not exist. */
  async rotate(id: string, graceSeconds: number): Promise<NewKey | undefined> {
    const old = await this.#valid(id);
    const last = old.find(({ record }) => record.replaced !== true);
    if (last === undefined) return undefined;
    const { ends_in: _, ...kept } = last.record;
    const created = await this.#write({ ...kept, created: this.#unixTime() });
    const until = this.#unixTime() + graceSeconds;
    for (const { hash, record } of old) {
      await this.#save(hash, { ...record, replaced: true, expires: Math.min(record.expires ?? until, until) });
    }
    return created;
  }

  /** Revokes all values of a key. Returns whether the key existed. */
  async revoke(id: string): Promise<boolean> {
    return await this.#change(id, (record) => ({ ...record, revoked: true }));
  }

  /** Replaces the limits of a key, or what may be stored, or both. Returns whether the key existed. */
  async change(
    id: string,
    { limits, store }: { readonly limits?: KeyLimits | undefined; readonly store?: boolean | undefined },
  ): Promise<boolean> {
    return await this.#change(id, (record) => ({
      ...record,
      limits: limits ?? record.limits,
      store: store ?? record.store,
    }));
  }

  async #change(id: string, change: (record: KeyRecord) => KeyRecord): Promise<boolean> {
    const found = await this.#valid(id);
    for (const { hash, record } of found) await this.#save(hash, change(record));
    return found.length > 0;
  }

  async #valid(id: string) {
    const now = this.#unixTime();
    return (await this.#all()).filter(
      ({ record }) => record.id === id && record.revoked !== true && (record.expires ?? Number.POSITIVE_INFINITY) > now,
    );
  }

  async #all(): Promise<readonly { readonly hash: string; readonly record: KeyRecord }[]> {
    const found = [];
    for await (const item of this.#table.query(PARTITION)) {
      found.push({ hash: String(item['sk']), record: keyRecordSchema.parse(item) });
    }
    return found;
  }

  async #write(record: Omit<KeyRecord, 'ends_in'>): Promise<NewKey> {
    const key = `bf-${randomBytes(24).toString('base64url')}`;
    const whole = { ...record, ends_in: key.slice(-4) };
    await this.#save(hashKey(key).toString('hex'), whole);
    return { record: whole, key };
  }

  async #save(hash: string, record: KeyRecord): Promise<void> {
    await this.#table.put({ pk: PARTITION, sk: hash, ...record });
    this.#cache.delete(hash);
  }

  async #read(hash: string): Promise<KeyRecord | undefined> {
    const item = await this.#table.get(PARTITION, hash);
    const record = item === undefined ? undefined : keyRecordSchema.parse(item);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(hash, { record, until: this.#unixTime() + CACHE_MS / 1_000 });
    return record;
  }
}
