import { expect, it } from 'vitest';
import * as z from 'zod';
import type { KeyLimits } from '../../../lambda/keys/key-record.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { dayOf, Ledger } from '../../../lambda/keys/ledger.ts';
import { ServedModel } from '../../../lambda/models/served-model.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import type { Tokenizer } from '../../../lambda/tokenizer/tokenizer.ts';
import { ScriptedModel, scriptedApp, scriptedModel } from '../scripted-world.ts';

const UNIX_TIME = 1_700_000_000;
const LONG = 'word '.repeat(700_000);
const used = { prompt: 90, cached: 0, thinking: 0, answer: 0, forced: 0, probe: 0, aborted: 0 };

/** An app whose tokenizer counts its calls, with a key of these limits of which one request was settled or is running. */
async function appWith(limits: KeyLimits, { running }: { readonly running: boolean }) {
  const table = new MemoryTable();
  const ledger = new Ledger(table, () => UNIX_TIME);
  const keys = new KeyStore(table, () => UNIX_TIME);
  const {
    key,
    record: { id },
  } = await keys.create('k', { limits, rawPrompts: true });
  const { settings, tokenizer } = scriptedModel('scripted', []);
  const texts: string[] = [];
  const counting: Tokenizer = {
    ...tokenizer,
    encode: async (text, options) => {
      texts.push(text);
      return await tokenizer.encode(text, options);
    },
    encodeRaw: async (text, options) => {
      texts.push(text);
      return await tokenizer.encodeRaw(text, options);
    },
  };
  const { app } = scriptedApp([], {
    ledger,
    keys,
    models: [new ServedModel(settings, new ScriptedModel([]), counting)],
  });
  const caller = { id, admin: false, limits };
  const first = await ledger.admit(caller, { requestId: 'first', model: 'scripted', tokens: 90, leaseSeconds: 60 });
  if (!running) await first.settle(used);
  const post = async (path: string, body: Readonly<Record<string, unknown>>) =>
    await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'scripted', ...body }),
    });
  const records = async () => {
    const found: string[] = [];
    for await (const record of ledger.records([dayOf(UNIX_TIME)], id)) found.push(record.status);
    return found;
  };
  return { post, texts, records };
}

const routes: readonly [string, Readonly<Record<string, unknown>>][] = [
  ['/v1/chat/completions', { messages: [{ role: 'user', content: LONG }] }],
  ['/v1/responses', { input: LONG }],
  ['/v1/messages', { max_tokens: 10, messages: [{ role: 'user', content: LONG }] }],
  ['/v1/completions', { prompt: [LONG, 'a'] }],
];
const limits: readonly [string, KeyLimits, boolean][] = [
  ['tokens_exceeded', { tokens_per_day: 90 }, false],
  ['tokens_exceeded', { tokens_per_day: 100 }, false],
  ['rate_limit_exceeded', { requests_per_minute: 1 }, false],
  ['rate_limit_exceeded', { concurrent_requests: 1 }, true],
];

it.each(
  routes.flatMap(([path, body]) => limits.map(([code, limit, running]) => ({ path, body, code, limit, running }))),
)(
  '$path: a key beyond $limit is refused with $code before a text of 3.5 MB is encoded',
  async ({ path, body, code, limit, running }) => {
    const { post, texts, records } = await appWith(limit, { running });
    const response = await post(path, body);
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    const { error } = z
      .object({ error: z.looseObject({ code: z.string().optional(), message: z.string() }) })
      .parse(await response.json());
    if (path !== '/v1/messages') expect(error.code).toBe(code);
    expect(error.message).toMatch(/^This key allows \d+ /);
    expect(texts).toEqual([]);
    expect(await records(), 'nothing is reserved').toHaveLength(1);
  },
);

it('a key with something left is not refused early, and is counted once', async () => {
  const { post, records } = await appWith({ tokens_per_day: 1_000_000, requests_per_minute: 2 }, { running: false });
  const response = await post('/v1/chat/completions', { messages: [{ role: 'user', content: 'How many?' }] });
  expect(response.status).toBe(200);
  await response.text();
  expect(await records()).toHaveLength(2);
});
