import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { scriptedApp, scriptedModel } from '../scripted-world.ts';

const script = [
  { says: '\nTwo.', ends: IM_START },
  { says: '\nFour.', ends: IM_END },
];
const aliases = { 'gpt-5': 'scripted', 'claude-sonnet-4-5': 'scripted', 'openai/o3': 'scripted' };
const post = (body: object, key?: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
  body: JSON.stringify(body),
});
const listSchema = z.object({ data: z.array(z.object({ id: z.string(), alias_of: z.string().optional() })) });
const messages = [{ role: 'user', content: 'x' }];

describe('An alias', () => {
  it.each([
    ['/v1/chat/completions', 'gpt-5', { messages }],
    ['/v1/responses', 'openai/o3', { input: 'x' }],
    ['/v1/messages', 'claude-sonnet-4-5', { messages, max_tokens: 100 }],
    ['/v1/completions', 'gpt-5', { prompt: 'x' }],
  ])('A request to %s by the alias %s gets the answer of the model, under the alias', async (path, model, body) => {
    const response = await scriptedApp(script, { aliases }).app.request(path, post({ model, ...body }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ model });
  });

  it('Every chunk of a stream has the alias', async () => {
    const { app } = scriptedApp(script, { aliases });
    const response = await app.request('/v1/chat/completions', post({ model: 'gpt-5', messages, stream: true }));
    const models = [...(await response.text()).matchAll(/"model":"([^"]*)"/g)].map(([, name]) => name);
    expect(new Set(models)).toEqual(new Set(['gpt-5']));
  });

  it('GET /v1/models lists the aliases after the models, and each can be read', async () => {
    const { app } = scriptedApp([], { aliases });
    const { data } = listSchema.parse(await (await app.request('/v1/models')).json());
    expect(data.map(({ id, alias_of: of }) => [id, of])).toEqual([
      ['scripted', undefined],
      ['gpt-5', 'scripted'],
      ['claude-sonnet-4-5', 'scripted'],
      ['openai/o3', 'scripted'],
    ]);
    expect(await (await app.request('/v1/models/openai/o3')).json()).toMatchObject({
      id: 'openai/o3',
      alias_of: 'scripted',
    });
  });

  it('The list of models of a key applies to the target of an alias', async () => {
    const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
    const { app } = scriptedApp([], {
      models: [scriptedModel('a', script), scriptedModel('b', script)],
      aliases: { 'gpt-5': 'a', o3: 'b' },
      keys,
      keyHashes: async () => [hashKey('admin')],
    });
    const { key } = await keys.create('limited', { limits: { models: ['a'] } });
    const answer = async (model: string) => await app.request('/v1/chat/completions', post({ model, messages }, key));
    expect((await answer('gpt-5')).status).toBe(200);
    const refused = await answer('o3');
    expect(refused.status).toBe(404);
    expect(await refused.json()).toMatchObject({
      error: { message: 'Unknown model "o3". Available models: "a", "gpt-5".' },
    });
  });
});
