import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { AppDependencies } from '../../../lambda/context.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { loadWorld, request, smallCopies } from '../scaling/load-world.ts';
import { chat, scriptedApp } from '../scripted-world.ts';
import { embeddedTable } from '../storage/embedded-table.ts';

const path = '/v1/chat/completions';
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const madeSchema = z.object({ id: z.string(), key: z.string() });

let world: Awaited<ReturnType<typeof embeddedTable>>;
let now = 1_700_000_000;
beforeAll(async () => {
  world = await embeddedTable();
}, 60_000);
afterAll(async () => {
  await world.close();
});

/** An app over the table, with the admin key "admin". Each app caches keys on its own, as each function does. */
function keyedApp(requests = 4, loads?: AppDependencies['loads']) {
  const script = Array.from({ length: requests }, () => [
    { says: '\n1 + 1 = 2.', ends: IM_START },
    { says: '\nTwo.', ends: IM_END },
  ]).flat();
  return scriptedApp(script, {
    keyHashes: async () => [hashKey('admin')],
    keys: new KeyStore(world.table, () => now),
    ledger: new Ledger(world.table, () => now),
    unixTime: () => now,
    ...(loads === undefined ? {} : { loads }),
  }).app;
}

type App = ReturnType<typeof keyedApp>;

async function send(app: App, method: string, to: string, body?: unknown, key = 'admin') {
  return await app.request(to, {
    method,
    headers: { 'content-type': 'application/json', ...bearer(key) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function newKey(app: App, fields: Record<string, unknown> = {}) {
  const made = await send(app, 'POST', '/v1/admin/keys', { name: 'a team', ...fields });
  expect(made.status).toBe(201);
  return madeSchema.parse(await made.json());
}

const ask = async (app: App, key: string, body: Record<string, unknown> = {}) =>
  await app.request(path, chat(body, bearer(key)));

describe('a key of the store, over the API', { timeout: 60_000 }, () => {
  it('a response has what remains of the limits of its key', async () => {
    const app = keyedApp();
    const { key } = await newKey(app, { limits: { requests_per_minute: 2, tokens_per_day: 100_000 } });
    const answer = await ask(app, key);
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-limit-tokens': '100000',
    });
    expect(Number(answer.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(100_000);
  });

  it('a request over a limit of its key is a 429 with Retry-After and what remains', async () => {
    const app = keyedApp();
    const { key } = await newKey(app, { limits: { requests_per_minute: 1 } });
    await (await ask(app, key)).text();
    const refused = await ask(app, key);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' } });
  });

  it('a key lowers thinking to its ceiling and is named as the source; an explicit minimum above it is refused by name', async () => {
    const app = keyedApp();
    const { key } = await newKey(app, { limits: { max_thinking_tokens: 16 } });
    const lowered = await ask(app, key, { reasoning_effort: 'high' });
    expect(lowered.headers.get('x-thinking-max-tokens')).toBe('16');
    expect(lowered.headers.get('x-thinking-set-by')).toContain('max_tokens=key');
    const explicit = await ask(app, key, { thinking: { max_tokens: 17 } });
    expect(explicit.headers.get('x-thinking-max-tokens')).toBe('16');
    expect(explicit.headers.get('x-thinking-set-by')).toContain('max_tokens=key');
    const refused = await ask(app, key, { thinking: { min_tokens: 17 } });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { param: 'thinking.min_tokens', message: expect.stringContaining('this key allows at most 16') },
    });
  });

  it('a key lists and uses only its models', async () => {
    const app = keyedApp();
    const { key } = await newKey(app, { limits: { models: ['another'] } });
    expect(await (await send(app, 'GET', '/v1/models', undefined, key)).json()).toMatchObject({ data: [] });
    expect((await ask(app, key)).status).toBe(404);
  });

  it('a key is not valid after it expires', async () => {
    const { key } = await newKey(keyedApp(), { expires_in_days: 1 });
    expect((await ask(keyedApp(), key)).status).toBe(200);
    now += 86_400;
    expect((await ask(keyedApp(), key)).status).toBe(401);
  });

  it('the old value of a rotated key is valid for the grace period, and no longer', async () => {
    const app = keyedApp();
    const { id, key } = await newKey(app);
    const rotated = madeSchema.parse(
      await (await send(app, 'POST', `/v1/admin/keys/${id}/rotate`, { grace_seconds: 60 })).json(),
    );
    expect(rotated.key).not.toBe(key);
    const statuses = async () => [(await ask(keyedApp(), key)).status, (await ask(keyedApp(), rotated.key)).status];
    expect(await statuses()).toEqual([200, 200]);
    now += 61;
    expect(await statuses()).toEqual([401, 200]);
  });

  it('a revoked key is not valid, and stays in the list without its value', async () => {
    const app = keyedApp();
    const { id, key } = await newKey(app);
    expect((await send(app, 'DELETE', `/v1/admin/keys/${id}`)).status).toBe(200);
    expect((await ask(app, key)).status).toBe(401);
    const list = await (await send(app, 'GET', '/v1/admin/keys')).text();
    expect(list).toContain(id);
    expect(list).not.toContain(key);
  });

  it('a key stores nothing unless created or changed so, and its limits stay', async () => {
    const app = keyedApp();
    const created = await newKey(app, { limits: { requests_per_minute: 60 } });
    const records = z.object({ data: z.array(z.looseObject({ id: z.string() })) });
    const recordOf = async (id: string) => {
      const list = await (await send(app, 'GET', '/v1/admin/keys')).json();
      return records.parse(list).data.find((record) => record.id === id);
    };
    expect(await recordOf(created.id)).toMatchObject({ store: false });
    const changed = await send(app, 'PATCH', `/v1/admin/keys/${created.id}`, { store: true });
    expect(await changed.json()).toEqual({ id: created.id, store: true });
    expect(await recordOf(created.id)).toMatchObject({ store: true, limits: { requests_per_minute: 60 } });
    await send(app, 'PATCH', `/v1/admin/keys/${created.id}`, { limits: {} });
    expect(await recordOf(created.id)).toMatchObject({ store: true, limits: {} });
    await send(app, 'POST', `/v1/admin/keys/${created.id}/rotate`, {});
    expect(await recordOf(created.id)).toMatchObject({ store: true });
    const storing = await newKey(app, { store: true });
    expect(await recordOf(storing.id)).toMatchObject({ store: true });
  });

  it('a key that was stored without the field stores nothing', async () => {
    const hash = hashKey('bf-older').toString('hex');
    const older = { id: 'key_older', name: 'older', ends_in: 'lder', created: now, limits: {} };
    await world.table.put({ pk: 'KEY', sk: hash, ...older });
    expect(await new KeyStore(world.table, () => now).find('bf-older')).toEqual({
      ...older,
      store: false,
      raw_prompts: false,
    });
  });

  it.each([
    [{}, 'Set limits, store or raw_prompts'],
    [{ store: 'yes' }, 'store'],
    [{ stores: true }, 'stores'],
  ])('a change of a key to %j is refused', async (body, message) => {
    const app = keyedApp();
    const { id } = await newKey(app);
    const refused = await send(app, 'PATCH', `/v1/admin/keys/${id}`, body);
    expect(refused.status).toBe(400);
    expect(await refused.text()).toContain(message);
  });

  it.each(['to=0000-01-01', 'from=1999-12-31&to=2000-01-02', 'to=-000001-12-31', 'to=10000-01-01'])(
    'usage of a day out of range is refused: %s',
    async (query) => {
      const refused = await send(keyedApp(), 'GET', `/v1/usage?${query}`);
      expect(refused.status).toBe(400);
      expect(await refused.text()).toMatch(/to|from/);
    },
  );

  it('usage reaches to both ends of the calendar', async () => {
    for (const day of ['2000-01-01', '9999-12-31']) {
      const answer = await send(keyedApp(), 'GET', `/v1/usage?to=${day}`);
      expect(await answer.json()).toMatchObject({ to: day, data: [] });
    }
  });

  it('a conversation beyond the tokens per day of its key is refused before it is encoded', async () => {
    const app = keyedApp();
    const { key } = await newKey(app, { limits: { tokens_per_day: 20 } });
    const refused = await send(app, 'POST', path, JSON.parse(String(chat({}).body)), key);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { code: 'tokens_exceeded' } });
  });

  it('a key without admin rights cannot create keys, and sees only its own usage', async () => {
    const app = keyedApp();
    const [mine, other] = [await newKey(app), await newKey(app)];
    expect((await send(app, 'POST', '/v1/admin/keys', { name: 'x' }, mine.key)).status).toBe(403);
    await (await ask(app, mine.key)).text();
    await (await ask(app, other.key)).text();
    const usageOf = async (key: string) =>
      await (await send(app, 'GET', '/v1/usage?group_by=key', undefined, key)).json();
    expect(await usageOf(mine.key)).toMatchObject({ data: [{ key: mine.id, requests: 1, running: 0, lost: 0 }] });
    expect(JSON.stringify(await usageOf('admin'))).toContain(other.id);
  });

  it.each([
    ['a limit of 0', { name: 'x', limits: { requests_per_minute: 0 } }, 'limits.requests_per_minute'],
    ['a limit that does not exist', { name: 'x', limits: { per_hour: 1 } }, 'limits'],
    ['no name', {}, 'name'],
  ])('a new key with %s is refused by the name of the field', async (_, body, field) => {
    const refused = await send(keyedApp(), 'POST', '/v1/admin/keys', body);
    expect(refused.status).toBe(400);
    expect(JSON.stringify(await refused.json())).toContain(field);
  });
});

const reportSchema = z.object({
  budget_forcing: z.object({ load: z.object({ elastic: z.boolean(), wanted: z.int(), granted: z.int() }) }),
});

// A request overrides its key, and a key the config; "never" in the config overrides both.
describe('whether thinking shrinks on a loaded endpoint', { timeout: 60_000 }, () => {
  it.each([
    ['a key that says yes, a request that says nothing', 'asked', true, undefined, true],
    ['a key that says yes, a request that says no', 'asked', true, false, false],
    ['a key that says no, a request that says yes', 'asked', false, true, true],
    ['a key that says no, a config that says always', 'always', false, undefined, false],
    ['a key that says nothing, a config that says always', 'always', undefined, undefined, true],
    ['a key that says nothing, a config that says asked', 'asked', undefined, undefined, false],
    ['a key and a request that say yes, a config that says never', 'never', true, true, false],
  ] as const)('thinking shrinks under load as configured: %s', async (_, config, ofKey, ofRequest, shrinks) => {
    const { autoscaler: load } = loadWorld(1, { settings: { ...smallCopies, elastic: config } });
    for (let index = 0; index < 4; index++) await load.gate.admit(request(`r${index}`, { elastic: false }));
    const app = keyedApp(1, new Map([['scripted', load]]));
    const { key } = await newKey(app, { limits: ofKey === undefined ? {} : { elastic: ofKey } });
    const answer = await ask(app, key, {
      thinking: { max_tokens: 400, ...(ofRequest === undefined ? {} : { elastic: ofRequest }) },
    });
    const { budget_forcing: report } = reportSchema.parse(await answer.json());
    expect(report.load).toMatchObject({ elastic: shrinks, wanted: 400 });
    expect(report.load.granted < 400).toBe(shrinks);
  });

  it('PATCH sets whether thinking may shrink', async () => {
    const app = keyedApp();
    const { id } = await newKey(app);
    const changed = await send(app, 'PATCH', `/v1/admin/keys/${id}`, { limits: { elastic: true } });
    expect(await changed.json()).toEqual({ id, limits: { elastic: true } });
    expect((await send(app, 'PATCH', `/v1/admin/keys/${id}`, { limits: { elastic: 'yes' } })).status).toBe(400);
    expect(JSON.stringify(await (await app.request('/openapi.json')).json())).toContain('thinking.elastic');
  });
});
