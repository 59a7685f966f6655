import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { dayOf, Ledger } from '../../../lambda/keys/ledger.ts';
import { SageMakerCopies } from '../../../lambda/scaling/sagemaker-copies.ts';
import { Table } from '../../../lambda/storage/table.ts';
import { TableUnavailableError } from '../../../lambda/storage/table-unavailable-error.ts';
import { embeddedTable } from './embedded-table.ts';

let embedded: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  embedded = await embeddedTable();
}, 60_000);
afterAll(async () => await embedded.close());

async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** DynamoDB ends a page at 1 MB, so four of these items are more than one page. */
const filler = 'x'.repeat(390_000);
const names = Array.from({ length: 7 }, (_, index) => `item${index}`);

describe('a partition of several pages', { timeout: 60_000 }, () => {
  it('is read to its end, each item once, in order', async () => {
    const { table } = embedded;
    for (const sk of names) await table.put({ pk: 'PAGES', sk, filler });
    expect((await all(table.query('PAGES'))).map(({ sk }) => sk)).toEqual(names);
    expect((await all(table.query('PAGES', 'item'))).map(({ sk }) => sk)).toEqual(names);
    expect((await all(table.query('PAGES', '', { consistent: true, after: 'item4' }))).map(({ sk }) => sk)).toEqual([
      'item5',
      'item6',
    ]);
    expect((await all(table.query('PAGES', 'other'))).length).toBe(0);
  });

  it('has no usage that is missing from the sums', async () => {
    const { table } = embedded;
    const now = 1_700_000_000;
    for (const name of names) {
      const counts = { prompt: 1, cached: 0, thinking: 2, answer: 3, forced: 0, probe: 0, aborted: 0 };
      await table.put({
        pk: `USAGE#${dayOf(now)}`,
        sk: `key#${name}`,
        model: 'm',
        status: 'settled',
        until: now,
        ...counts,
        filler,
      });
    }
    const records = await all(new Ledger(table, () => now).records([dayOf(now)], 'key'));
    expect(records.reduce((sum, { answer }) => sum + answer, 0)).toBe(3 * names.length);
  });

  it('has no key that cannot be listed or revoked', async () => {
    const { table } = embedded;
    const store = new KeyStore(table, () => 1_700_000_000);
    const { record } = await store.create('first');
    for (const sk of names) await table.put({ pk: 'KEY', sk, ...record, id: `key_${sk}`, name: sk, filler });
    expect((await store.list()).map(({ name }) => name).toSorted()).toEqual(['first', ...names]);
    expect(await store.revoke('key_item6')).toBe(true);
    expect((await store.list()).filter(({ revoked }) => revoked === true).map(({ name }) => name)).toEqual(['item6']);
  });
});

describe('scheduled actions of several pages', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('are all listed, the next page by the token of the one before', async () => {
    const actions = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        ScheduledActionName: `action${from + index}`,
        Schedule: 'rate(1 hour)',
        ScalableTargetAction: { MinCapacity: 1, MaxCapacity: 2 },
      }));
    const asked: unknown[] = [];
    const server = createServer(async (request, response) => {
      const { NextToken } = z.looseObject({ NextToken: z.string().optional() }).parse(await json(request));
      asked.push(NextToken);
      const page =
        NextToken === undefined
          ? { ScheduledActions: actions(0, 2), NextToken: 'second' }
          : NextToken === 'second'
            ? { ScheduledActions: [], NextToken: 'third' }
            : { ScheduledActions: actions(2, 1) };
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(page));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    vi.stubEnv(
      'AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING',
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    );
    vi.stubEnv('AWS_REGION', 'us-east-2');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
    const found = await new SageMakerCopies('component').schedules();
    server.closeAllConnections();
    server.close();
    expect(found.map(({ name }) => name)).toEqual(['action0', 'action1', 'action2']);
    // An empty page is not the last one.
    expect(asked).toEqual([undefined, 'second', 'third']);
  });
});

/** A table whose server answers every call with this error. */
async function failingTable(status: number, type: string) {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls++;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'Said by AWS.' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-2',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
  const close = () => {
    client.destroy();
    server.closeAllConnections();
    server.close();
  };
  return { table: new Table('t', client), calls: () => calls, close };
}

describe('errors of DynamoDB by their names', () => {
  it.each([
    ['ValidationException', 400, false],
    ['ItemCollectionSizeLimitExceededException', 400, false],
    ['ResourceNotFoundException', 400, true],
    ['AccessDeniedException', 400, true],
    ['ProvisionedThroughputExceededException', 400, true],
    ['RequestLimitExceeded', 400, true],
    ['ThrottlingException', 400, true],
    ['InternalServerError', 500, true],
  ])('%s is an outage of the table: %s', async (type, status, outage) => {
    const { table, close } = await failingTable(status, type);
    const calls = [
      table.get('KEY', 'a'),
      table.put({ pk: 'KEY', sk: 'a' }),
      table.putIfVersion({ pk: 'KEY', sk: 'a' }, 1),
      table.delete('KEY', 'a'),
      all(table.query('KEY')),
    ];
    for (const result of await Promise.allSettled(calls)) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      if (outage) expect(reason).toBeInstanceOf(TableUnavailableError);
      else expect(reason).toMatchObject({ name: type });
    }
    close();
  });

  it('ConditionalCheckFailedException is the answer of a conditional write, and an outage of any other', async () => {
    const { table, close } = await failingTable(400, 'ConditionalCheckFailedException');
    expect(await table.putIfVersion({ pk: 'KEY', sk: 'a' }, 1)).toBe(false);
    await expect(table.put({ pk: 'KEY', sk: 'a' })).rejects.toBeInstanceOf(TableUnavailableError);
    close();
  });
});
