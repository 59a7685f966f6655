import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import { embeddedTable } from '../storage/embedded-table.ts';

let embedded: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  embedded = await embeddedTable();
}, 60_000);
afterAll(async () => {
  await embedded.close();
});

const NOW = 1_700_000_000;
/** Stores of several functions share only the table. */
const storeOver = (table: ItemTable) => new KeyStore(table, () => NOW);
const tables: readonly (readonly [string, number, () => ItemTable])[] = [
  ['DynamoDB', 67, () => embedded.table],
  ['memory', 200, () => slowed(new MemoryTable())],
];

/** A table whose operations take a random number of turns of the event loop, as over a network. */
function slowed(table: ItemTable): ItemTable {
  const turns = async () => {
    for (let left = Math.floor(Math.random() * 4); left > 0; left--) await new Promise(setImmediate);
  };
  return {
    async get(...args) {
      await turns();
      return await table.get(...args);
    },
    async put(...args) {
      await turns();
      return await table.put(...args);
    },
    async putIfVersion(...args) {
      await turns();
      return await table.putIfVersion(...args);
    },
    async delete(...args) {
      await turns();
      return await table.delete(...args);
    },
    async *query(...args) {
      await turns();
      for await (const item of table.query(...args)) {
        yield item;
        await turns();
      }
    },
  };
}

/** Races `others` against a revoke, `races` times. Returns the keys that still work afterwards. */
async function survivorsOf(
  table: ItemTable,
  races: number,
  others: (store: KeyStore, id: string) => readonly Promise<unknown>[],
): Promise<number> {
  let survivors = 0;
  for (let race = 0; race < races; race++) {
    const { record, key } = await storeOver(table).create('a team', { limits: { requests_per_minute: 5 } });
    const values = [key];
    const results = await Promise.allSettled([
      ...others(storeOver(table), record.id),
      storeOver(table).revoke(record.id),
    ]);
    for (const result of results) {
      if (result.status === 'rejected') throw result.reason;
      const { value } = result;
      if (typeof value === 'object' && value !== null && 'key' in value) values.push(String(value.key));
    }
    const found = await Promise.all(values.map(async (value) => await storeOver(table).find(value)));
    survivors += found.filter((record) => record !== undefined).length;
  }
  return survivors;
}

describe.each(tables)('A revoke, over a table in %s', { timeout: 300_000 }, (_, races, tableOf) => {
  it('wins over a concurrent change of the limits', async () => {
    const change = (store: KeyStore, id: string) => [store.change(id, { limits: { requests_per_minute: 9 } })];
    expect(await survivorsOf(tableOf(), races, change)).toBe(0);
  });

  it('wins over a concurrent rotation, whose new value never works', async () => {
    expect(await survivorsOf(tableOf(), races, (store, id) => [store.rotate(id, 3_600)])).toBe(0);
  });

  it('wins over two rotations and a change at once', async () => {
    const others = (store: KeyStore, id: string) => [
      store.rotate(id, 3_600),
      store.rotate(id, 0),
      store.change(id, { store: true }),
    ];
    expect(await survivorsOf(tableOf(), Math.ceil(races / 4), others)).toBe(0);
  });
});

describe('Concurrent changes of a key', { timeout: 60_000 }, () => {
  it('a change of the limits and one of what may be stored both take effect', async () => {
    const table = slowed(new MemoryTable());
    for (let race = 0; race < 50; race++) {
      const { record, key } = await storeOver(table).create('a team');
      await Promise.all([
        storeOver(table).change(record.id, { limits: { requests_per_minute: 9 } }),
        storeOver(table).change(record.id, { store: true }),
      ]);
      expect(await storeOver(table).find(key)).toMatchObject({ limits: { requests_per_minute: 9 }, store: true });
    }
  });

  it('of concurrent rotations one value is left without an expiry, with the limits of a concurrent change', async () => {
    const table = slowed(new MemoryTable());
    for (let race = 0; race < 50; race++) {
      const { record } = await storeOver(table).create('a team');
      await Promise.all([
        storeOver(table).rotate(record.id, 60),
        storeOver(table).change(record.id, { limits: { requests_per_minute: 9 } }),
        storeOver(table).rotate(record.id, 60),
      ]);
      const values = (await storeOver(table).list()).filter(({ id }) => id === record.id);
      expect(values.filter(({ replaced }) => replaced !== true)).toMatchObject([
        { limits: { requests_per_minute: 9 } },
      ]);
    }
  });

  it('a change after a revoke finds no key', async () => {
    const table = new MemoryTable();
    const { record } = await storeOver(table).create('a team');
    expect(await storeOver(table).revoke(record.id)).toBe(true);
    expect(await storeOver(table).change(record.id, { store: true })).toBe(false);
    expect(await storeOver(table).rotate(record.id, 60)).toBeUndefined();
    expect(await storeOver(table).revoke(record.id)).toBe(false);
  });

  it('a key of an earlier release, without a version, can be revoked', async () => {
    const { record, key } = await storeOver(embedded.table).create('a team');
    const { version: _, ...item } = (await itemOf(record.id)) ?? {};
    await embedded.table.put({ ...item, pk: 'KEY', sk: String(item['sk']) });
    expect(await storeOver(embedded.table).revoke(record.id)).toBe(true);
    expect(await storeOver(embedded.table).find(key)).toBeUndefined();
  });

  it('a rotation whose response was lost is not undone by its retry', async () => {
    const table = new MemoryTable();
    const { record } = await storeOver(table).create('a team');
    let lost = false;
    const lossy: ItemTable = {
      get: table.get.bind(table),
      put: table.put.bind(table),
      delete: table.delete.bind(table),
      query: table.query.bind(table),
      async putIfVersion(item, before) {
        const written = await table.putIfVersion(item, before);
        if (before === undefined || lost) return written;
        lost = true;
        return await table.putIfVersion(item, before);
      },
    };
    const rotated = await storeOver(lossy).rotate(record.id, 60);
    expect(lost).toBe(true);
    expect(await storeOver(table).find(rotated?.key ?? '')).toMatchObject({ id: record.id });
  });
});

async function itemOf(id: string) {
  for await (const item of embedded.table.query('KEY')) if (item['id'] === id) return item;
  return undefined;
}
