import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterEach, expect, it, vi } from 'vitest';
import { keysCommand } from '../../cli/commands/keys.ts';
import { KeyStore } from '../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../lambda/storage/memory-table.ts';
import { WebhookStore } from '../../lambda/webhooks/webhook-store.ts';
import { Webhooks } from '../../lambda/webhooks/webhooks.ts';
import { scriptedApp } from '../lambda/scripted-world.ts';
import { embeddedTable } from '../lambda/storage/embedded-table.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('budgetforce keys creates, lists, rotates and revokes a key, and neither table nor log holds its value', {
  timeout: 120_000,
}, async () => {
  const { table, close } = await embeddedTable();
  const keys = new KeyStore(table, () => 1_700_000_000);
  const { app, log } = scriptedApp([], { keys });
  const server = createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const run = async (...argv: string[]) => {
    text = '';
    expect(await keysCommand.run([...argv, '--base-url', url, '--json'])).toBe(0);
    return JSON.parse(text);
  };

  const created = await run('create', 'team', '--tokens-per-day', '500');
  expect(await keys.find(created.key)).toMatchObject({ name: 'team', limits: { tokens_per_day: 500 } });
  await run('limits', created.id, '--requests-per-minute', '3');
  expect(await keys.find(created.key)).toMatchObject({ limits: { requests_per_minute: 3 } });
  await run('limits', created.id, '--elastic', 'true');
  expect(await keys.find(created.key)).toMatchObject({ limits: { elastic: true } });
  await expect(run('limits', created.id, '--elastic', 'yes')).rejects.toThrow(
    '--elastic is "yes". It must be true or false.',
  );
  await expect(run('limits', created.id, '--thinking', '[1]')).rejects.toThrow(
    '--thinking is "[1]". Give a JSON object',
  );
  await run('limits', created.id, '--thinking', '{"waits":1,"wait_when":"unsure"}');
  expect(await keys.find(created.key)).toMatchObject({ limits: { thinking: { waits: 1, wait_when: 'unsure' } } });
  await run('limits', created.id, '--elastic', 'true');
  await run('limits', created.id, '--store', 'true');
  expect(await keys.find(created.key)).toMatchObject({ store: true, limits: { elastic: true } });
  await run('limits', created.id, '--elastic', 'true', '--store', 'false');
  expect(await keys.find(created.key)).toMatchObject({ store: false, limits: { elastic: true } });
  const storing = await run('create', 'storing', '--store', 'true');
  expect(await keys.find(storing.key)).toMatchObject({ store: true });
  await run('revoke', storing.id);
  const next = await run('rotate', created.id, '--grace', '60');
  const again = await run('rotate', created.id);
  expect(await keys.find(created.key)).toBeUndefined();
  expect(await keys.find(again.key)).not.toHaveProperty('expires');
  const stored = [];
  for await (const item of table.query('KEY')) stored.push(item);
  for (const { key } of [created, next, again]) expect(JSON.stringify([stored, log])).not.toContain(key);
  expect((await run('list')).data).toHaveLength(4);
  text = '';
  await keysCommand.run(['list', '--base-url', url]);
  expect(text).toContain('team  (elastic: true)');
  expect(text).toContain('storing  (revoked, store: true)');
  await run('revoke', created.id);
  expect(await keys.find(again.key)).toBeUndefined();
  await expect(run('revoke', created.id)).rejects.toThrow('Unknown or revoked key "');
  await expect(run('create')).rejects.toThrow('takes a name');
  server.close();
  await close();
});

it('budgetforce keys webhook sets, shows and deletes the webhook of a key', { timeout: 60_000 }, async () => {
  const table = new MemoryTable();
  const unixTime = () => 1_700_000_000;
  const webhooks = new Webhooks({
    store: new WebhookStore(table, unixTime, () => '00000001'),
    master: async () => 'master',
    ...{ unixTime, random: () => 0, log: () => {}, allowLocal: false },
  });
  const keys = new KeyStore(table, unixTime);
  const { app } = scriptedApp([], { keys, webhooks });
  const server = createAdaptorServer({ fetch: app.fetch }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  const run = async (...argv: string[]) => {
    text = '';
    expect(await keysCommand.run(['webhook', ...argv, '--base-url', url])).toBe(0);
    return text;
  };
  const { record } = await keys.create('team');
  const receiver = ['--url', 'https://example.com/hook', '--events', 'batch.completed,batch.failed'];
  expect(await run(record.id, ...receiver)).toMatch(
    /^https:\/\/example.com\/hook\nwhsec_\S+\nStore it now: it is not shown again.\n$/,
  );
  expect(await run(record.id)).toBe('https://example.com/hook\nbatch.completed, batch.failed\n');
  expect(await run(record.id, '--url', 'none')).toBe('The webhook is deleted.\n');
  await expect(run(record.id)).rejects.toThrow('has no webhook');
  await expect(run(record.id, '--url', 'http://example.com')).rejects.toThrow('Give one that begins with https://');
  server.close();
});
