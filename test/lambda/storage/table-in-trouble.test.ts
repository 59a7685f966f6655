import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { LazyTable } from '../../../lambda/storage/lazy-table.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { ItemTable } from '../../../lambda/storage/table.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { loadWorld } from '../scaling/load-world.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

const refuse =
  (status: number, type: string): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'In trouble.' }));
  };

/** How a table is in trouble: what a server at its address does. Without a server, the connection is refused. */
const troubles: readonly (readonly [string, RequestListener | undefined])[] = [
  ['refuses connections', undefined],
  ['throttles', refuse(400, 'ProvisionedThroughputExceededException')],
  ['denies access', refuse(400, 'AccessDeniedException')],
  ['fails', refuse(500, 'InternalServerError')],
  ['stays silent', () => {}],
];

const NOW = 1_700_000_000;
const MAX_SECONDS = 5;

describe.each(troubles)('A table that %s', { timeout: 60_000 }, (_, listener) => {
  let server: Server;
  let table: LazyTable;
  beforeAll(async () => {
    server = createServer(listener);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    if (listener === undefined) server.close();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-2',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
    });
    table = new LazyTable('budgetforce');
    // Loads the SDK, whose time does not count.
    await table.get('KEY', 'none').catch(() => undefined);
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    delete process.env['AWS_ENDPOINT_URL_DYNAMODB'];
  });

  it('keys fail closed: a request with a key of the store is a 503 with Retry-After within seconds', async () => {
    const { app } = answering({ keyHashes: adminOnly, keys: storeOver(table) });
    const { response, seconds } = await timed(app.request('/v1/chat/completions', chat({}, bearer('bf-some-key'))));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ error: { code: 'table_unavailable' } });
    expect(seconds).toBeLessThan(MAX_SECONDS);
  });

  it('the admin key needs no table: its request is answered, and its tokens are in the log', async () => {
    const { app, log } = answering({
      keyHashes: adminOnly,
      keys: storeOver(table),
      ledger: new Ledger(table, () => NOW),
    });
    const { response } = await timed(app.request('/v1/chat/completions', chat({}, bearer('admin'))));
    expect(response.status).toBe(200);
    await response.json();
    const line = log.find(({ message }) => message === 'usage not settled');
    expect(line).toMatchObject({ key: 'admin', model: 'scripted' });
    expect(line?.['thinking']).toBeGreaterThan(0);
  });

  it('limits fail closed: a request of a key with limits is a 503 with Retry-After', async () => {
    const known = new MemoryTable();
    const { key } = await storeOver(known).create('a team', { limits: { tokens_per_day: 100_000 } });
    const { app } = answering({ keyHashes: adminOnly, keys: storeOver(known), ledger: new Ledger(table, () => NOW) });
    const { response, seconds } = await timed(app.request('/v1/chat/completions', chat({}, bearer(key))));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(MAX_SECONDS);
  });

  it('the load fails open: a request is answered with its full budget', async () => {
    const { autoscaler } = loadWorld(1, { table });
    const { app, log } = answering({ loads: new Map([['scripted', autoscaler]]) });
    const { response, seconds } = await timed(app.request('/v1/chat/completions', chat({})));
    expect(response.status).toBe(200);
    await response.json();
    expect(log).toContainEqual(expect.objectContaining({ message: 'load state unavailable' }));
    expect(seconds).toBeLessThan(MAX_SECONDS);
  });

  it('a wait for the first copy goes on', async () => {
    const { autoscaler } = loadWorld(0, { table });
    await expect(autoscaler.gate.whileWaiting()).resolves.toContain('endpoint_starting');
  });

  it('the admin routes of keys are a 503 with Retry-After', async () => {
    const { app } = answering({ keyHashes: adminOnly, keys: storeOver(table) });
    const { response } = await timed(app.request('/v1/admin/keys', { headers: bearer('admin') }));
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

const adminOnly = async () => [hashKey('admin')];
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const storeOver = (table: ItemTable) => new KeyStore(table, () => NOW);

function answering(changes: Parameters<typeof scriptedApp>[1]) {
  const script = [
    { says: '\n1 + 1 = 2.', ends: IM_START },
    { says: '\nTwo.', ends: IM_END },
  ];
  return scriptedApp(script, changes);
}

async function timed(answer: Response | Promise<Response>) {
  const start = performance.now();
  const response = await answer;
  return { response, seconds: (performance.now() - start) / 1_000 };
}
