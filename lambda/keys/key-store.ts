import { randomBytes } from 'node:crypto';
import type { ItemTable } from '../storage/table.ts';
import { hashKey } from './hash-key.ts';
import { type KeyLimits, type KeyRecord, keyRecordSchema } from './key-record.ts';

/** How long what was read of a key stays good: a revoked key stops, and a new limit holds, within this time. Milliseconds. */
const REMEMBERED_MS = 15_000;
const MAX_REMEMBERED = 1_000;

const PARTITION = 'KEY';

export interface NewKey {
  readonly record: KeyRecord;
  /** Shown once, never stored. */
  readonly key: string;
}

/** The keys of a deployment. Only their hashes are stored: a lookup goes by the hash, so it tells nothing of how near a guess was. */
export class KeyStore {
  readonly #table: ItemTable;
  readonly #unixTime: () => number;
  readonly #remembered = new Map<string, { readonly record: KeyRecord | undefined; readonly until: number }>();

  constructor(table: ItemTable, unixTime: () => number) {
    this.#table = table;
    this.#unixTime = unixTime;
  }

  /** The record of a key that is valid now. */
  async find(key: string): Promise<KeyRecord | undefined> {
    const hash = hashKey(key).toString('hex');
    const known = this.#remembered.get(hash);
    const now = this.#unixTime();
    const record = known !== undefined && now < known.until ? known.record : await this.#read(hash);
    if (record === undefined || record.revoked === true) return undefined;
    return record.expires !== undefined && record.expires <= now ? undefined : record;
  }

  async create(name: string, limits: KeyLimits, expires?: number): Promise<NewKey> {
    return await this.#write({
      id: `key_${randomBytes(8).toString('hex')}`,
      name,
      created: this.#unixTime(),
      limits,
      ...(expires === undefined ? {} : { expires }),
    });
  }

  /** Every key, the newest first. A key that was rotated stands there with each of its values that still holds. */
  async list(): Promise<readonly KeyRecord[]> {
    return (await this.#all()).map(({ record }) => record).toSorted((a, b) => b.created - a.created);
  }

  /** A new value for a key; the old one goes on for `graceSeconds`. `undefined`: there is no such key. */
  async rotate(id: string, graceSeconds: number): Promise<NewKey | undefined> {
    const old = await this.#valid(id);
    const last = old.find(({ record }) => record.replaced !== true);
    if (last === undefined) return undefined;
    const { ends_in: _, ...kept } = last.record;
    const made = await this.#write({ ...kept, created: this.#unixTime() });
    const until = this.#unixTime() + graceSeconds;
    for (const { hash, record } of old) {
      await this.#save(hash, { ...record, replaced: true, expires: Math.min(record.expires ?? until, until) });
    }
    return made;
  }

  /** Makes a key invalid, all its values. Whether there was one. */
  async revoke(id: string): Promise<boolean> {
    return await this.#change(id, (record) => ({ ...record, revoked: true }));
  }

  async setLimits(id: string, limits: KeyLimits): Promise<boolean> {
    return await this.#change(id, (record) => ({ ...record, limits }));
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
    this.#remembered.delete(hash);
  }

  async #read(hash: string): Promise<KeyRecord | undefined> {
    const item = await this.#table.get(PARTITION, hash);
    const record = item === undefined ? undefined : keyRecordSchema.parse(item);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(hash, { record, until: this.#unixTime() + REMEMBERED_MS / 1_000 });
    return record;
  }
}
