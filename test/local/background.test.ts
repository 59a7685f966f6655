import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LocalOptions, type LocalServer, startLocal } from '../../local/start-local.ts';

let folder: string;
let server: LocalServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'background-'));
});
afterEach(async () => {
  await server?.close().catch(() => undefined);
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(tokenDelayMs = 0, options: Partial<LocalOptions> = {}) {
  server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder: folder, ...options });
  server.endpoint?.faults.always({ tokenDelayMs });
  return { server, client: new OpenAI({ apiKey: 'none', baseURL: `${server.url}/v1`, maxRetries: 0 }) };
}

const ask = {
  model: 'budgetforce-tiny',
  input: 'Ann has 34 apples. She buys 27 more and gives 12 away. How many has she?',
  temperature: 0,
  background: true,
  store: true,
} as const;

async function ended(client: OpenAI, id: string) {
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (response.status !== 'queued' && response.status !== 'in_progress') return response;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('A response in the background', { timeout: 60_000 }, () => {
  it('is queued, runs, and has the answer of one that is waited for', async () => {
    const { client } = await start();
    const direct = await client.responses.create({ ...ask, background: false, store: false });
    const queued = await client.responses.create(ask);
    expect(queued).toMatchObject({ status: 'queued', background: true, store: true, output: [] });
    const response = await ended(client, queued.id);
    expect(response.status).toBe('completed');
    expect(response.output_text).toBe(direct.output_text);
    expect(response.usage).toEqual(direct.usage);
  });
});
