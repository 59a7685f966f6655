import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { keyLimitsSchema } from '../../../lambda/keys/key-record.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';

const NOW = 1_700_000_000;

/** A store with a clock, over a table that records how it is read. */
class CountingTable extends MemoryTable {
  reads = 0;
  /** Whether each query was consistent. */
  readonly queries: (boolean | undefined)[] = [];
  readonly written: unknown[] = [];

  override async get(pk: string, sk: string) {
    this.reads += 1;
    return await super.get(pk, sk);
  }

  override async putIfVersion(...[item, before]: Parameters<MemoryTable['putIfVersion']>) {
    const written = await super.putIfVersion(item, before);
    if (written) this.written.push(item);
    return written;
  }

  override query(...[pk, beginsWith, options]: Parameters<MemoryTable['query']>) {
    this.queries.push(options?.consistent);
    return super.query(pk, beginsWith, options);
  }
}

function newWorld() {
  const clock = { now: NOW };
  const table = new CountingTable();
  /** The store of another function: it shares only the table. */
  const another = () => new KeyStore(table, () => clock.now);
  return { clock, table, store: another(), another };
}

describe('a created key', () => {
  it('has a record with its last four characters, and the table only its hash', async () => {
    const { store, table } = newWorld();
    const { key, record } = await store.create('a team', { limits: { requests_per_minute: 5 }, expires: NOW + 100 });
    expect(key).toMatch(/^bf-[\w-]{32}$/);
    expect(record).toEqual({
      id: expect.stringMatching(/^key_[0-9a-f]{16}$/),
      name: 'a team',
      ends_in: key.slice(-4),
      created: NOW,
      limits: { requests_per_minute: 5 },
      store: false,
      raw_prompts: false,
      expires: NOW + 100,
    });
    expect(table.written).toEqual([{ pk: 'KEY', sk: hashKey(key).toString('hex'), ...record }]);
    expect(JSON.stringify(table.written)).not.toContain(key);
  });

  it('without options has no limits, never expires, and may neither store content nor send raw prompts', async () => {
    const { store } = newWorld();
    const { record } = await store.create('plain');
    expect(record).toMatchObject({ limits: {}, store: false, raw_prompts: false });
    expect(record).not.toHaveProperty('expires');
    const both = await store.create('both', { store: true, rawPrompts: true });
    expect(both.record).toMatchObject({ store: true, raw_prompts: true });
  });

  it('is valid until the second before it expires', async () => {
    const { store, clock } = newWorld();
    const { key } = await store.create('short', { expires: NOW + 10 });
    clock.now = NOW + 9;
    expect(await store.find(key)).toMatchObject({ name: 'short' });
    clock.now = NOW + 10;
    expect(await store.find(key)).toBeUndefined();
    expect(await store.rotate((await store.list())[0]?.id ?? '', 60)).toBeUndefined();
  });

  it('is found in the list, the newest first', async () => {
    const { store, clock } = newWorld();
    for (const name of ['one', 'two', 'three']) {
      await store.create(name);
      clock.now += 1;
    }
    expect((await store.list()).map(({ name }) => name)).toEqual(['three', 'two', 'one']);
  });
});

describe('a key that is looked up', () => {
  it('is read from the table at most every 15 s, whether it exists or not', async () => {
    const { store, clock, table } = newWorld();
    const { key } = await store.create('a team');
    for (const value of [key, 'bf-unknown']) {
      table.reads = 0;
      await store.find(value);
      clock.now += 14.9;
      await store.find(value);
      expect(table.reads).toBe(1);
      clock.now += 0.1;
      await store.find(value);
      expect(table.reads).toBe(2);
    }
  });

  it('has the limits and the revocation of another function after 15 s, and those of its own at once', async () => {
    const { store, another, clock } = newWorld();
    const { key, record } = await store.create('a team');
    await store.find(key);
    await another().change(record.id, { limits: { requests_per_minute: 1 } });
    expect(await store.find(key)).toMatchObject({ limits: {} });
    clock.now += 15;
    expect(await store.find(key)).toMatchObject({ limits: { requests_per_minute: 1 } });
    await store.change(record.id, { limits: { requests_per_minute: 2 } });
    expect(await store.find(key)).toMatchObject({ limits: { requests_per_minute: 2 } });
    await store.revoke(record.id);
    expect(await store.find(key)).toBeUndefined();
  });

  it('takes bounded memory: after 1,000 further keys it is read again', async () => {
    const { store, table } = newWorld();
    const { key } = await store.create('a team');
    await store.find(key);
    for (let index = 0; index < 999; index++) await store.find(`guess ${index}`);
    table.reads = 0;
    await store.find(key);
    expect(table.reads).toBe(0);
    await store.find('one more guess');
    await store.find(key);
    expect(table.reads).toBe(2);
  });
});

describe('a change of a key', () => {
  it('replaces what it gives, keeps the rest, and leaves other keys alone', async () => {
    const { store } = newWorld();
    const { record } = await store.create('a team', { limits: { requests_per_minute: 5 } });
    const other = await store.create('another team');
    const current = async () => (await store.list()).find(({ id }) => id === record.id);
    expect(await store.change(record.id, { store: true })).toBe(true);
    expect(await current()).toMatchObject({ limits: { requests_per_minute: 5 }, store: true, raw_prompts: false });
    expect(await store.change(record.id, { raw_prompts: true })).toBe(true);
    expect(await current()).toMatchObject({ limits: { requests_per_minute: 5 }, store: true, raw_prompts: true });
    expect(await store.change(record.id, { limits: {}, store: false, raw_prompts: false })).toBe(true);
    expect(await current()).toMatchObject({ limits: {}, store: false, raw_prompts: false });
    expect(await store.find(other.key)).toMatchObject({ name: 'another team', limits: {}, store: false });
    expect(await store.change('key_unknown', { store: true })).toBe(false);
  });

  it('reads all values consistently, so that it misses none', async () => {
    const { store, table } = newWorld();
    const { record } = await store.create('a team');
    await store.revoke(record.id);
    expect(table.queries.length).toBeGreaterThan(0);
    expect(table.queries.every((consistent) => consistent === true)).toBe(true);
  });
});

describe('a rotated key', () => {
  it('has a new value with the same rights, and the old one until the grace period ends', async () => {
    const { store, clock } = newWorld();
    const { key, record } = await store.create('a team', { limits: { requests_per_minute: 5 }, store: true });
    clock.now += 5;
    const rotated = await store.rotate(record.id, 60);
    expect(rotated?.record).toEqual({ ...record, created: NOW + 5, ends_in: rotated?.key.slice(-4) });
    expect(await store.find(key)).toMatchObject({ replaced: true, expires: NOW + 65 });
    clock.now += 59;
    expect(await store.find(key)).toMatchObject({ id: record.id });
    clock.now += 1;
    expect(await store.find(key)).toBeUndefined();
    expect(await store.find(rotated?.key ?? '')).toMatchObject({ id: record.id });
  });

  it('keeps an earlier expiry of its old values, and shortens a later one', async () => {
    const { store, clock } = newWorld();
    const { key, record } = await store.create('a team', { expires: NOW + 30 });
    const second = await store.rotate(record.id, 60);
    expect(await store.find(key)).toMatchObject({ expires: NOW + 30 });
    clock.now += 10;
    await store.rotate(record.id, 5);
    expect(await store.find(key)).toMatchObject({ expires: NOW + 15 });
    expect(await store.find(second?.key ?? '')).toMatchObject({ expires: NOW + 15, replaced: true });
  });

  it('is revoked with all of its values', async () => {
    const { store, another } = newWorld();
    const { key, record } = await store.create('a team');
    const rotated = await store.rotate(record.id, 60);
    expect(await another().revoke(record.id)).toBe(true);
    for (const value of [key, rotated?.key ?? '']) expect(await another().find(value)).toBeUndefined();
    expect((await store.list()).map(({ revoked }) => revoked)).toEqual([true, true]);
    expect(await another().revoke(record.id)).toBe(false);
  });
});

describe('the limits of a key', () => {
  it.each([
    [{ requests_per_minute: 1, tokens_per_day: 1, concurrent_requests: 1_000, max_thinking_tokens: 0 }, true],
    [{ models: ['a'], thinking: { waits: 2 }, elastic: false }, true],
    [{ requests_per_minute: 0 }, false],
    [{ tokens_per_day: 0 }, false],
    [{ concurrent_requests: 0 }, false],
    [{ concurrent_requests: 1_001 }, false],
    [{ max_thinking_tokens: -1 }, false],
    [{ models: [] }, false],
    [{ models: [''] }, false],
    [{ models: ['a'.repeat(129)] }, false],
    [{ models: Array.from({ length: 65 }, (_, index) => `m${index}`) }, false],
    [{ unknown: 1 }, false],
    [{ thinking: { unknown: 1 } }, false],
  ])('%j are valid: %s', (limits, valid) => {
    expect(keyLimitsSchema.safeParse(limits).success).toBe(valid);
  });

  it('name two rules that contradict each other', () => {
    const limits = { thinking: { wait_when: 'always', unsure_below: 0.5 } };
    expect(keyLimitsSchema.safeParse(limits).error?.issues).toMatchObject([
      {
        path: ['thinking'],
        message: 'has unsure_below, which requires wait_when "unsure", but wait_when is "always". Omit one of them',
      },
    ]);
  });
});
