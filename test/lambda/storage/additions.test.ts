import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { type CountingTable, Table } from '../../../lambda/storage/table.ts';
import { TableUnavailableError } from '../../../lambda/storage/table-unavailable-error.ts';
import { embeddedTable } from './embedded-table.ts';

const TTL = 1_800_000_000;

let embedded: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  embedded = await embeddedTable();
});
afterAll(async () => {
  await embedded.close();
});

const tables: readonly (readonly [string, () => CountingTable])[] = [
  ['DynamoDB', () => embedded.table],
  ['memory', () => new MemoryTable()],
];

describe.each(tables)('Additions in %s', (_, make) => {
  it('begin at 0, return the item, and lose none of many at once', async () => {
    const table = make();
    const key = { pk: 'CHANGES#m', sk: 'load' };
    expect(await table.add(key, { n1: 1, 'k1 a key': 5 }, TTL)).toEqual({ ...key, n1: 1, 'k1 a key': 5, ttl: TTL });
    const all = await Promise.all(Array.from({ length: 40 }, () => table.add(key, { n1: 1, n2: -2 }, TTL)));
    // Each answer has the additions before it and none after it.
    expect(all.map(({ n1 }) => Number(n1)).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 40 }, (_, index) => index + 2),
    );
    expect(await table.get(key.pk, key.sk)).toEqual({ ...key, n1: 41, n2: -80, 'k1 a key': 5, ttl: TTL });
    await table.drop(key, ['n1', 'k1 a key', 'none']);
    expect(await table.get(key.pk, key.sk)).toEqual({ ...key, n2: -80, ttl: TTL });
  });

  it('items of many keys are read and deleted, also more than one batch has', async () => {
    const table = make();
    const keys = Array.from({ length: 130 }, (_, index) => ({ pk: `P${index % 7}`, sk: `s${index}` }));
    for (const key of keys) await table.put({ ...key, value: 1 });
    const none = { pk: 'P0', sk: 'none' };
    expect(await table.getMany([...keys, none])).toHaveLength(130);
    await table.deleteMany(keys.slice(0, 60));
    const left = await table.getMany(keys);
    expect(left.map(({ sk }) => sk).toSorted()).toEqual(
      keys
        .slice(60)
        .map(({ sk }) => sk)
        .toSorted(),
    );
    expect(await table.getMany([])).toEqual([]);
  });
});

describe('An addition whose outcome is unknown', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  /** Attempts of one addition to a server that answers each with this error, and what came of it. */
  async function attempts(status: number, type: string) {
    let requests = 0;
    server = createServer((_request, response) => {
      requests += 1;
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'In trouble.' }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
    const client = new DynamoDBClient({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-2', credentials });
    const table = new Table('budgetforce', client);
    await expect(table.add({ pk: 'p', sk: 's' }, { n: 1 }, TTL)).rejects.toThrow(TableUnavailableError);
    const additions = requests;
    await expect(table.get('p', 's')).rejects.toThrow(TableUnavailableError);
    client.destroy();
    return { addition: additions, read: requests - additions };
  }

  it('is not repeated, as a read is', async () => {
    const { addition, read } = await attempts(500, 'InternalServerError');
    expect(addition).toBe(1);
    expect(read).toBeGreaterThan(1);
  });

  it('is repeated if DynamoDB did nothing, because it was throttled', async () => {
    expect((await attempts(400, 'ProvisionedThroughputExceededException')).addition).toBe(4);
  });
});
