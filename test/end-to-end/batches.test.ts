import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { startReceiver } from '../lambda/webhooks/receiver.ts';

const MODEL = 'budgetforce-tiny';
const LINES = 24;
const folder = mkdtempSync(join(tmpdir(), 'budgetforce-batches-'));
let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts `budgetforce start` on the data folder and waits for its URL. */
async function started() {
  const args = ['bin/budgetforce.ts', 'start', '--port', '0', '--data', folder, '--json', '--allow-local-webhooks'];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  child = server;
  const [line] = await once(createInterface(server.stdout), 'line');
  const { url } = z.object({ url: z.string() }).parse(JSON.parse(String(line)));
  return { server, url, client: new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 }) };
}

const requests = Array.from({ length: LINES }, (_, index) =>
  JSON.stringify({
    custom_id: `sum ${index}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      model: MODEL,
      temperature: 0,
      messages: [{ role: 'user', content: `What is ${index} + ${index + 1}?` }],
      thinking: { min_tokens: 64, max_tokens: 128 },
    },
  }),
);

describe('a batch on a laptop', { timeout: 240_000 }, () => {
  it('goes on after kill -9, answers each line once, and tells its webhook', async () => {
    const receiver = await startReceiver();
    const first = await started();
    const set = await fetch(`${first.url}/v1/admin/keys/anonymous/webhook`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: receiver.url, events: ['batch.completed'] }),
    });
    const { secret } = z.object({ secret: z.string() }).parse(await set.json());
    const input = await first.client.files.create({
      file: new File([requests.join('\n')], 'sums.jsonl'),
      purpose: 'batch',
    });
    const { id } = await first.client.batches.create({
      input_file_id: input.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    const done = async (client: OpenAI) => (await client.batches.retrieve(id)).request_counts?.completed ?? 0;
    await expect.poll(async () => await done(first.client), { timeout: 60_000 }).toBeGreaterThan(2);
    first.server.kill('SIGKILL');

    const { client } = await started();
    const before = await client.batches.retrieve(id);
    expect(before.request_counts?.completed).toBeLessThan(LINES);
    await expect
      .poll(async () => (await client.batches.retrieve(id)).status, { timeout: 120_000, interval: 250 })
      .toBe('completed');
    const batch = await client.batches.retrieve(id);
    expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
    const text = await (await client.files.content(batch.output_file_id ?? '')).text();
    const output = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(output.map(({ custom_id: customId }) => customId)).toEqual(
      requests.map((line) => JSON.parse(line).custom_id),
    );
    for (const { response } of output) expect(response).toMatchObject({ status_code: 200, body: { model: MODEL } });

    await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBe(1);
    const [message] = receiver.received;
    const event = await client.webhooks.unwrap(message?.body ?? '', message?.headers as Record<string, string>, secret);
    expect(event).toMatchObject({ type: 'batch.completed', data: { id } });
    await receiver.close();
  });
});
