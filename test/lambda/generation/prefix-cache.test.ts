import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { completionRequestBody } from '../../../lambda/upstream/completion-request.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

/** Sends a request with each of two keys. Returns the salts of the calls of the model, and the ids of the keys. */
async function saltsOf(changes: Parameters<typeof scriptedApp>[1]) {
  const keys = new KeyStore(new MemoryTable(), () => 1_700_000_000);
  const one = await keys.create('one');
  const other = await keys.create('other');
  const script = [1, 2].flatMap(() => [
    { says: '\n1 + 1 = 2.', ends: IM_START },
    { says: '\nTwo.', ends: IM_END },
  ]);
  const { app, model } = scriptedApp(script, { keyHashes: async () => [hashKey('admin')], keys, ...changes });
  for (const { key } of [one, other]) {
    const response = await app.request('/v1/chat/completions', chat({}, { authorization: `Bearer ${key}` }));
    expect(response.status).toBe(200);
    await response.json();
  }
  return { salts: model.requests.map(({ cacheSalt }) => cacheSalt), ids: [one.record.id, other.record.id] };
}

describe('The prefix cache', () => {
  it('per key has the id of the key as salt of every call', async () => {
    const { salts, ids } = await saltsOf({ prefixCache: 'per-key' });
    expect(salts).toEqual([ids[0], ids[0], ids[1], ids[1]]);
  });

  it.each([{}, { prefixCache: 'shared' } as const])('is shared by default: %j', async (changes) => {
    expect((await saltsOf(changes)).salts).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('the salt is vLLM\u2019s cache_salt in the body of a call, and absent without one', () => {
    const request = { promptIds: [1], maxTokens: 1, minTokens: 0, stopTokenIds: [], sampling: {} };
    expect(JSON.parse(completionRequestBody({ ...request, cacheSalt: 'key_a' }, 'm'))).toMatchObject({
      cache_salt: 'key_a',
    });
    expect(completionRequestBody(request, 'm')).not.toContain('cache_salt');
  });
});
