import OpenAI from 'openai';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { WebhookStore } from '../../../lambda/webhooks/webhook-store.ts';
import { Webhooks } from '../../../lambda/webhooks/webhooks.ts';
import { scriptedApp } from '../scripted-world.ts';
import { startReceiver } from '../webhooks/receiver.ts';

interface WebhookObject {
  readonly secret: string;
  readonly events: readonly string[];
  readonly previous_secret_until?: number;
}

const unixTime = () => Math.floor(Date.now() / 1_000);

/** An app with webhooks, and a key. */
async function worldOf(allowLocal = true) {
  const table = new MemoryTable();
  let ids = 0;
  const store = new WebhookStore(table, unixTime, () => String(++ids).padStart(8, '0'));
  const log: unknown[] = [];
  const options = { store, master: async () => 'master', unixTime, random: () => 0, allowLocal };
  const webhooks = new Webhooks({ ...options, log: (...line) => log.push(line) });
  const keys = new KeyStore(table, unixTime);
  const { app, log: appLog } = scriptedApp([], { keyHashes: async () => [hashKey('admin')], keys, webhooks, unixTime });
  const { record, key } = await keys.create('a team');
  const send = async (method: string, body?: unknown, id = record.id, bearer = 'admin') =>
    await app.request(`/v1/admin/keys/${id}/webhook`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const set = async (body: unknown) => (await (await send('PUT', body)).json()) as WebhookObject;
  return { app, send, set, webhooks, record, key, table, logs: () => JSON.stringify([log, appLog]) };
}

describe('the webhook of a key, over the API', () => {
  it('is set with a secret that is shown once and verifies its events', async () => {
    const receiver = await startReceiver();
    onTestFinished(async () => await receiver.close());
    const { send, set, webhooks, record, logs } = await worldOf();
    const made = await set({ url: receiver.url, events: ['response.completed'] });
    expect(made).toMatchObject({ id: record.id, object: 'webhook', url: receiver.url, events: ['response.completed'] });
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const shown = await (await send('GET')).json();
    expect(shown).toMatchObject({ url: receiver.url, failures: [] });
    expect(JSON.stringify(shown)).not.toContain('whsec_');
    await webhooks.notify(record.id, { type: 'response.completed', id: 'resp_1' });
    await webhooks.settled();
    const [message] = receiver.received;
    const client = new OpenAI({ apiKey: 'none' });
    const event = await client.webhooks.unwrap(
      message?.body ?? '',
      message?.headers as Record<string, string>,
      made.secret,
    );
    expect(event).toMatchObject({ type: 'response.completed', data: { id: 'resp_1' } });
    expect(logs()).not.toContain('whsec_');
    expect(logs()).not.toContain(made.secret.slice(6));
  });

  it('takes all events if none are named, and is deleted', async () => {
    const { send, set } = await worldOf();
    const made = await set({ url: 'https://example.com/hook' });
    expect(made.events).toHaveLength(8);
    expect(await (await send('DELETE')).json()).toMatchObject({ object: 'webhook', deleted: true });
    expect((await send('GET')).status).toBe(404);
    expect((await send('DELETE')).status).toBe(404);
  });

  it('each time it is set, it has another secret', async () => {
    const { set } = await worldOf();
    const body = { url: 'https://example.com/hook', grace_seconds: 60 };
    const [first, second] = [await set(body), await set(body)];
    expect(first.secret).not.toBe(second.secret);
    expect(second.previous_secret_until).toBeGreaterThan(unixTime());
  });

  it.each([
    ['http://example.com/', /begins with http:\/\/. Give one that begins with https/],
    ['https://10.0.0.1/', /has the address 10.0.0.1, which is not public/],
    ['https://[::1]/', /has the address ::1, which is not public/],
    ['https://a:b@example.com/', /has a user name or a password/],
    ['example.com', /is no URL/],
    [`https://example.com/${'a'.repeat(3_000)}`, /characters; at most 2048 are allowed/],
  ])('refuses the URL %s', async (url, message) => {
    const { send } = await worldOf(false);
    const refused = await send('PUT', { url });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ error: { param: 'url', message: expect.stringMatching(message) } });
  });

  it('refuses an event that does not exist, a key that does not, and a key that is no admin', async () => {
    const { send, key } = await worldOf();
    expect((await send('PUT', { url: 'https://example.com/', events: ['response.began'] })).status).toBe(400);
    expect((await send('PUT', { url: 'https://example.com/' }, 'key_none')).status).toBe(404);
    expect((await send('PUT', { url: 'https://example.com/' }, undefined, key)).status).toBe(403);
    expect((await send('PUT', { url: 'https://example.com/' }, 'admin')).status).toBe(200);
  });

  it('is deleted with its key', async () => {
    const { app, send, record, table } = await worldOf();
    await send('PUT', { url: 'https://example.com/' });
    const headers = { authorization: 'Bearer admin' };
    await app.request(`/v1/admin/keys/${record.id}`, { method: 'DELETE', headers });
    expect(await table.get('WEBHOOK', record.id)).toBeUndefined();
  });

  it('does not exist in a deployment without webhooks', async () => {
    const { app } = scriptedApp([]);
    const answer = await app.request('/v1/admin/keys/admin/webhook');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ error: { code: 'webhooks_off' } });
  });
});
