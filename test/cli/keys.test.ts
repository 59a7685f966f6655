import { expect, it } from 'vitest';
import { keysCommand } from '../../cli/commands/keys.ts';
import { KeyStore } from '../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../lambda/storage/memory-table.ts';
import { WebhookStore } from '../../lambda/webhooks/webhook-store.ts';
import { Webhooks } from '../../lambda/webhooks/webhooks.ts';
import { scriptedApp } from '../lambda/scripted-world.ts';
import { embeddedTable } from '../lambda/storage/embedded-table.ts';
import { commandRunner, serveUntilEnd } from './over-http.ts';

it('budgetforce keys creates, lists, rotates and revokes a key, and neither table nor log holds its value', {
  timeout: 120_000,
}, async () => {
  const { table, close } = await embeddedTable();
  const keys = new KeyStore(table, () => 1_700_000_000);
  const { app, log } = scriptedApp([], { keys });
  const url = await serveUntilEnd(app);
  const call = commandRunner((argv) => keysCommand.run([...argv, '--base-url', url]));
  const run = async (...argv: string[]) => {
    const { code, out } = await call(...argv, '--json');
    expect(code).toBe(0);
    return JSON.parse(out);
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
  const { out: text } = await call('list');
  expect(text).toContain('team  (elastic: true)');
  expect(text).toContain('storing  (revoked, store: true)');
  await run('revoke', created.id);
  expect(await keys.find(again.key)).toBeUndefined();
  await expect(run('revoke', created.id)).rejects.toThrow('Unknown or revoked key "');
  await expect(run('create')).rejects.toThrow('takes a name');
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
  const url = await serveUntilEnd(app);
  const call = commandRunner((argv) => keysCommand.run(['webhook', ...argv, '--base-url', url]));
  const run = async (...argv: string[]) => {
    const { code, out } = await call(...argv);
    expect(code).toBe(0);
    return out;
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
});
