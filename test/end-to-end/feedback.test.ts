import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { preferencesCommand } from '../../cli/commands/preferences.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

let folder: string;
let server: LocalServer;
const start = async () => await startLocal({ port: 0, host: '127.0.0.1', dataFolder: folder, feedbackDays: 30 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'feedback-'));
  server = await start();
}, 120_000);
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function send(method: string, path: string, body?: unknown, key?: string) {
  return await fetch(`${server.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe('feedback on a laptop', { timeout: 120_000 }, () => {
  it('outlives the server, is listed, and is deleted', async () => {
    const made = z
      .object({ id: z.string(), key: z.string() })
      .parse(await (await send('POST', '/v1/admin/keys', { name: 'page', store: true })).json());
    const asked = await send(
      'POST',
      '/v1/chat/completions',
      { model: server.model.id, messages: [{ role: 'user', content: 'What is 3 + 4?' }], user: 'ann' },
      made.key,
    );
    expect(asked.headers.get('x-budgetforce-store')).toBe('true');
    const { id } = z.object({ id: z.string() }).parse(await asked.json());
    await server.close();
    server = await start();
    const given = { id, metric: 'correction', value: { answer: '7' } };
    expect((await send('POST', '/v1/feedback', given, made.key)).status).toBe(200);
    expect(await (await send('GET', '/v1/admin/feedback')).json()).toMatchObject({
      counts: [{ metric: 'correction', model: server.model.id, policy: 'fixed', count: 1, judged: 0, good: 0 }],
      data: [{ id, key: made.id, value: { answer: '7' } }],
    });
    expect(await (await send('DELETE', '/v1/admin/feedback?user=ann')).json()).toEqual({ deleted: 1, user: 'ann' });
    expect(await (await send('GET', '/v1/admin/feedback')).json()).toMatchObject({ counts: [], data: [] });
    expect((await send('POST', '/v1/feedback', given, made.key)).status).toBe(404);
  });

  it('votes become pairs for training, without a word of a person', async () => {
    const made = z
      .object({ key: z.string() })
      .parse(await (await send('POST', '/v1/admin/keys', { name: 'votes', store: true })).json());
    const lines = (await readFile('local/model/questions.jsonl', 'utf8')).split('\n').slice(0, 12);
    for (const line of lines) {
      const { question } = z.object({ question: z.string() }).parse(JSON.parse(line));
      const body = { n: 5, vote: true, temperature: 1.2, seed: 1, messages: [{ role: 'user', content: question }] };
      const asked = await send('POST', '/v1/chat/completions', { model: server.model.id, ...body }, made.key);
      expect(asked.status).toBe(200);
      await asked.body?.cancel();
    }
    const out = join(folder, 'pairs');
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    const code = await preferencesCommand.run(['export', '--out', out, '--base-url', `${server.url}/v1`]);
    vi.restoreAllMocks();
    expect(code).toBe(0);
    const rows = (await readFile(join(out, 'train.jsonl'), 'utf8')).trim().split('\n');
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      const { prompt, chosen, rejected } = rowSchema.parse(JSON.parse(row));
      expect(chosen).not.toBe(rejected);
      for (const text of [chosen, rejected]) expect(text).toMatch(/<\|im_start\|>answer\n.*<\|im_end\|>$/s);
      expect(prompt).toMatch(/<\|im_start\|>think$/);
    }
    expect(await readFile(join(out, 'README.md'), 'utf8')).toContain('from 12 stored conversations');
    await expect(preferencesCommand.run(['export', '--out', out])).rejects.toThrow(/has files/);
  });
});

const rowSchema = z.object({ prompt: z.string(), chosen: z.string(), rejected: z.string() });
