import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { webhookEventTypes } from '../../../lambda/webhooks/event.ts';
import { WebhookStore } from '../../../lambda/webhooks/webhook-store.ts';
import { RETRY_SECONDS, Webhooks } from '../../../lambda/webhooks/webhooks.ts';
import { startReceiver } from './receiver.ts';

const KEY = 'key_1';
const openai = new OpenAI({ apiKey: 'unused' });

let receiver: Awaited<ReturnType<typeof startReceiver>> | undefined;
afterEach(async () => {
  await receiver?.close();
  receiver = undefined;
});

/** Webhooks over a table in memory, and a receiver with these statuses. */
async function worldOf(statuses: readonly number[] = [200]) {
  receiver = await startReceiver(statuses);
  const clock = { now: Math.floor(Date.now() / 1_000) };
  const table = new MemoryTable();
  const log: Record<string, unknown>[] = [];
  let ids = 0;
  const options = {
    store: new WebhookStore(
      table,
      () => clock.now,
      () => String(++ids).padStart(8, '0'),
    ),
    master: async () => 'master secret',
    unixTime: () => clock.now,
    random: () => 0,
    log: (level: string, text: string, fields: Readonly<Record<string, unknown>>) =>
      void log.push({ level, text, ...fields }),
    allowLocal: true,
    timeoutMs: 1_000,
  };
  const webhooks = new Webhooks(options);
  const set = async (events = [...webhookEventTypes], grace = 0, url = receiver?.url ?? '') => {
    const webhook = await webhooks.store.set(KEY, { url, events }, grace);
    return await webhooks.secretOf(KEY, webhook);
  };
  const notify = async (id = 'batch_1') => {
    await webhooks.notify(KEY, { type: 'batch.completed', id });
    await webhooks.settled();
  };
  const pending = async () => {
    const found = [];
    for await (const { sk, attempts } of table.query('DELIVERIES')) found.push({ sk: String(sk), attempts });
    return found;
  };
  return {
    webhooks,
    another: () => new Webhooks(options),
    table,
    clock,
    log,
    set,
    notify,
    pending,
    received: receiver.received,
  };
}

describe('Webhooks', () => {
  it('sends an event that the openai client verifies', async () => {
    const { set, notify, received, pending, clock } = await worldOf();
    const secret = await set();
    await notify();
    const [message] = received;
    const event = await openai.webhooks.unwrap(message?.body ?? '', message?.headers as Record<string, string>, secret);
    expect(event).toEqual({
      id: message?.headers['webhook-id'],
      object: 'event',
      created_at: clock.now,
      type: 'batch.completed',
      data: { id: 'batch_1' },
    });
    expect(await pending()).toEqual([]);
  });

  it('the openai client refuses an event that was changed, or that another secret signed', async () => {
    const { set, notify, received, webhooks } = await worldOf();
    const secret = await set();
    await notify();
    const { body = '', headers = {} } = received[0] ?? {};
    const verify = async (text: string, whsec: string) =>
      await openai.webhooks.unwrap(text, headers as Record<string, string>, whsec);
    await expect(verify(body.replace('batch_1', 'batch_2'), secret)).rejects.toThrow();
    await expect(verify(body, await webhooks.secretOf('key_2', { salt: 'another' }))).rejects.toThrow();
  });

  it('the secret before signs as well within its time of grace', async () => {
    const { set, notify, received, clock } = await worldOf();
    const before = await set();
    const after = await set([...webhookEventTypes], 60);
    await notify('batch_1');
    clock.now += 61;
    await notify('batch_2');
    const verify = async (index: number, secret: string) =>
      await openai.webhooks.unwrap(
        received[index]?.body ?? '',
        received[index]?.headers as Record<string, string>,
        secret,
      );
    await verify(0, before);
    await verify(0, after);
    await verify(1, after);
    await expect(verify(1, before)).rejects.toThrow();
  });

  it('sends only the events that a webhook takes, and none to a key without one', async () => {
    const { set, notify, received, webhooks } = await worldOf();
    await set(['batch.failed']);
    await notify();
    await webhooks.notify('key_2', { type: 'batch.failed', id: 'batch_2' });
    await webhooks.notify(KEY, { type: 'batch.failed', id: 'batch_3' });
    await webhooks.settled();
    expect(received.map(({ body }) => JSON.parse(body).data.id)).toEqual(['batch_3']);
  });

  it('tries again with the same id and a new time, until the receiver takes it', async () => {
    const { set, notify, received, webhooks, clock, pending } = await worldOf([500, 503, 200]);
    await set();
    await notify();
    expect(received).toHaveLength(1);
    clock.now += RETRY_SECONDS[0] ?? 0;
    await webhooks.deliverDue();
    clock.now += (RETRY_SECONDS[1] ?? 0) - 1;
    await webhooks.deliverDue();
    expect(received).toHaveLength(2);
    clock.now += 1;
    await webhooks.deliverDue();
    expect(received).toHaveLength(3);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(3);
    expect(await pending()).toEqual([]);
  });

  it('gives an event up after ten attempts, and records why', async () => {
    const { set, notify, received, webhooks, clock, pending, log } = await worldOf([500]);
    await set();
    await notify();
    for (const seconds of RETRY_SECONDS) {
      clock.now += seconds;
      await webhooks.deliverDue();
    }
    expect(received).toHaveLength(10);
    expect(await pending()).toEqual([]);
    expect(await webhooks.store.failures(KEY, 10)).toMatchObject([
      { type: 'batch.completed', data: 'batch_1', attempts: 10, reason: '500' },
    ]);
    expect(log.at(-1)).toMatchObject({ level: 'error', text: 'webhook given up' });
    expect(JSON.stringify(log)).not.toContain('127.0.0.1');
    expect(JSON.stringify(log)).not.toContain('whsec');
  });

  it('an address that is not allowed is a failed attempt, at each attempt anew', async () => {
    const { set, notify, received, pending, log } = await worldOf();
    await set([...webhookEventTypes], 0, 'http://169.254.169.254/hook');
    await notify();
    expect(received).toEqual([]);
    expect(await pending()).toMatchObject([{ attempts: 1 }]);
    expect(log.at(-1)).toMatchObject({ reason: 'forbidden_address' });
  });

  it('410 disables the webhook', async () => {
    const { set, notify, received, webhooks, pending } = await worldOf([410]);
    await set();
    await notify('batch_1');
    await notify('batch_2');
    expect(received).toHaveLength(1);
    expect(await pending()).toEqual([]);
    expect(await webhooks.store.find(KEY)).toMatchObject({ disabled: expect.any(Number) });
  });

  it('an event whose process died is sent by another one', async () => {
    const { set, webhooks, received, clock } = await worldOf();
    await set();
    // Stored and not attempted, as by a process that is killed in between.
    await webhooks.store.add(
      KEY,
      { id: 'evt_1', object: 'event', created_at: clock.now, type: 'batch.failed', data: { id: 'batch_1' } },
      60,
    );
    expect(await webhooks.deliverDue()).toBe(0);
    clock.now += 60;
    expect(await webhooks.deliverDue()).toBe(1);
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(['evt_1']);
  });

  it('two processes that find the same event send it once', async () => {
    const { set, webhooks, another, received, clock } = await worldOf();
    await set();
    await webhooks.store.add(
      KEY,
      { id: 'evt_1', object: 'event', created_at: clock.now, type: 'batch.failed', data: { id: 'batch_1' } },
      0,
    );
    await Promise.all([webhooks.deliverDue(), another().deliverDue()]);
    expect(received).toHaveLength(1);
  });

  it('after a failure, the further events of the key wait for their next time', async () => {
    const { set, notify, received, webhooks, clock } = await worldOf([500, 500, 500, 200]);
    await set();
    await notify('batch_1');
    await notify('batch_2');
    clock.now += RETRY_SECONDS[0] ?? 0;
    expect(await webhooks.deliverDue()).toBe(1);
    expect(received).toHaveLength(3);
    expect(await webhooks.deliverDue()).toBe(1);
    expect(received).toHaveLength(4);
  });

  it('events of a webhook that was deleted are dropped', async () => {
    const { set, notify, received, webhooks, clock, pending } = await worldOf([500, 200]);
    await set();
    await notify();
    await webhooks.store.remove(KEY);
    clock.now += RETRY_SECONDS[0] ?? 0;
    await webhooks.deliverDue();
    expect(received).toHaveLength(1);
    expect(await pending()).toEqual([]);
  });

  it('the table has nothing that signs', async () => {
    const { set, table } = await worldOf();
    const secret = await set();
    const item = JSON.stringify(await table.get('WEBHOOK', KEY));
    expect(item).not.toContain(secret.slice('whsec_'.length));
    expect(item).not.toContain('master secret');
  });
});
