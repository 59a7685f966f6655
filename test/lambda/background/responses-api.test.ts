import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { createApp } from '../../../lambda/app.ts';
import { ApiError } from '../../../lambda/errors/api-error.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { bodyOf, errorOf, Process, playedWorld, post } from './played-world.ts';

const ask = { model: 'scripted', input: 'Think.', temperature: 0 };
const path = '/v1/responses';

const itemsSchema = z.object({
  data: z.array(z.object({ role: z.string(), content: z.array(z.object({ text: z.string() })) })),
});
const completionSchema = z.looseObject({ usage: z.unknown(), choices: z.array(z.object({ message: z.unknown() })) });

/** A deployment with an admin key, a key that allows to store and one that does not. */
async function withKeys() {
  const world = playedWorld({ thought: 20 });
  const keys = new KeyStore(world.table, world.dependencies.unixTime);
  const { app } = world.inProcess(new Process(), { keys, keyHashes: async () => [hashKey('admin')] });
  const create = async (store: boolean) => (await keys.create('k', { store })).key;
  const [storing, refusing, other] = [await create(true), await create(false), await create(true)];
  const as = (key: string) => ({ authorization: `Bearer ${key}` });
  return { ...world, app, storing: as(storing), refusing: as(refusing), other: as(other) };
}

describe('Permission to store a response', () => {
  it.each([
    [{ store: true }, 'store'],
    [{ background: true }, 'background'],
  ])('%j without the permission of the key is a 400 that names both permissions', async (fields, param) => {
    const { app, refusing } = await withKeys();
    const error = await errorOf(app.request(path, post({ ...ask, ...fields }, refusing)));
    expect(error).toMatchObject({ status: 400, code: 'store_not_permitted', param });
    expect(error.message).toContain('retention.responsesDays');
    expect(error.message).toContain('the key’s store, which is false');
  });

  it('store: true without a retention of the deployment is a 400 that names both permissions', async () => {
    const world = playedWorld({ thought: 20 });
    const { responses: _, ...dependencies } = world.dependencies;
    const error = await errorOf(createApp(dependencies).request(path, post({ ...ask, store: true })));
    expect(error.status).toBe(400);
    expect(error.message).toMatch(/retention\.responsesDays, which is 0.*the key’s store/);
  });

  it('background: true with store: false is a 400', async () => {
    const { app } = playedWorld({ thought: 20 });
    const response = await app.request(path, post({ ...ask, background: true, store: false }));
    expect(response.status).toBe(400);
  });

  it.each([{ n: 3, vote: true }])('%j in the background is a 400', async (fields) => {
    const { app } = playedWorld({ thought: 20 });
    const error = await errorOf(app.request(path, post({ ...ask, background: true, ...fields })));
    expect(error).toMatchObject({ status: 400, code: 'background_unsupported' });
  });

  it('contradicting limits are refused before anything is queued', async () => {
    const { app, started } = playedWorld({ thought: 20 });
    const thinking = { min_tokens: 50, max_tokens: 20 };
    const response = await app.request(path, post({ ...ask, background: true, thinking }));
    expect(response.status).toBe(400);
    expect(started).toEqual([]);
  });
});

describe('Stored responses', () => {
  it('are those of their key alone, on every route', async () => {
    const { app, storing, other } = await withKeys();
    const { id } = await bodyOf(app.request(path, post({ ...ask, background: true }, storing)));
    const routes = [
      ['GET', `${path}/${id}`],
      ['GET', `${path}/${id}?stream=true`],
      ['GET', `${path}/${id}/input_items`],
      ['POST', `${path}/${id}/cancel`],
      ['DELETE', `${path}/${id}`],
    ] as const;
    for (const [method, url] of routes) {
      expect((await app.request(url, { method, headers: other })).status).toBe(404);
    }
    const previous = await app.request(path, post({ ...ask, previous_response_id: id }, other));
    expect(previous.status).toBe(404);
    expect((await app.request(`${path}/${id}`, { headers: storing })).status).toBe(200);
  });

  it('are continued by previous_response_id, over more than one turn, without their thinking', async () => {
    const { app, storing, table: _ } = await withKeys();
    const first = await bodyOf(app.request(path, post({ ...ask, store: true }, storing)));
    const second = await bodyOf(
      app.request(path, post({ ...ask, input: 'More.', store: true, previous_response_id: first.id }, storing)),
    );
    const third = await bodyOf(
      app.request(path, post({ ...ask, input: 'Even more.', store: true, previous_response_id: second.id }, storing)),
    );
    expect(third['previous_response_id']).toBe(second.id);
    const list = await app.request(`${path}/${third.id}/input_items?order=asc`, { headers: storing });
    const { data } = itemsSchema.parse(await list.json());
    expect(data.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant', 'user']);
    expect(data[1]?.content[0]?.text).toHaveLength(40);
  });

  it('cannot be continued before they have ended', async () => {
    const { app } = playedWorld({ thought: 20 });
    const { id } = await bodyOf(app.request(path, post({ ...ask, background: true })));
    expect(await errorOf(app.request(path, post({ ...ask, previous_response_id: id })))).toMatchObject({
      ...{ status: 400, code: 'response_not_ended', param: 'previous_response_id' },
    });
  });
});

describe('The events of a response in the background', { timeout: 30_000 }, () => {
  it('reach a reader within 2 seconds, although another process writes them', async () => {
    const world = playedWorld({ thought: 300 });
    const { id } = await bodyOf(world.app.request(path, post({ ...ask, background: true })));
    const sampledAt: number[] = [];
    world.model.onToken = async () => {
      await new Promise((resolve) => setTimeout(resolve, 15));
      sampledAt.push(performance.now());
    };
    const running = world.inProcess(new Process()).runner.step({ key: 'anonymous', id }, new AbortController().signal);
    const stream = await world.app.request(`${path}/${id}?stream=true&starting_after=1`);
    const latencies: number[] = [];
    let tokens = 0;
    for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      for (const line of chunk.split('\n').filter((each) => each.startsWith('data: {'))) {
        const event = JSON.parse(line.slice('data: '.length));
        if (!/text\.delta$/.test(event.type)) continue;
        const now = performance.now();
        for (let token = 0; token < event.delta.length; token++) latencies.push(now - (sampledAt[tokens++] ?? now));
      }
    }
    await running;
    const sorted = latencies.toSorted((a, b) => a - b);
    expect(sorted).toHaveLength(340);
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(2_000);
  });
});

describe('A chat request that prefers to be answered later', () => {
  const chat = { model: 'scripted', messages: [{ role: 'user', content: 'Think.' }], temperature: 0 };
  const later = { prefer: 'respond-async, wait=10' };

  it('gets 202 with a URL, which has the completion when it has ended', async () => {
    const { app, started, runToEnd } = playedWorld({ thought: 20 });
    const direct = completionSchema.parse(await (await app.request('/v1/chat/completions', post(chat))).json());
    const accepted = await app.request('/v1/chat/completions', post(chat, later));
    expect(accepted.status).toBe(202);
    expect(accepted.headers.get('preference-applied')).toBe('respond-async');
    const url = accepted.headers.get('location') ?? '';
    const waiting = await app.request(url);
    expect([waiting.status, waiting.headers.get('retry-after')]).toEqual([202, '2']);
    expect(await waiting.json()).toMatchObject({ status: 'queued' });
    const [pointer] = started;
    if (pointer === undefined) throw new Error('Nothing was started.');
    await runToEnd(pointer);
    const ended = await app.request(url);
    expect(ended.status).toBe(200);
    const completion = completionSchema.parse(await ended.json());
    expect(completion).toMatchObject({ object: 'chat.completion', usage: direct.usage });
    expect(completion.choices[0]?.message).toEqual(direct.choices[0]?.message);
    expect((await app.request(url, { method: 'DELETE' })).status).toBe(200);
    expect((await app.request(url)).status).toBe(404);
  });

  it.each([
    [new ApiError(404, 'No such store.', { code: 'vector_store_not_found', param: 'vector_store_id' }), 404],
    [new Error('The index is broken.'), 502],
  ])('that fails with %s is told so with the status %d', async (failure, status) => {
    const world = playedWorld({ thought: 20 });
    const search = async () => {
      throw failure;
    };
    const { app, runner } = world.inProcess(new Process(), { retriever: { search } });
    const asked = { ...chat, retrieval: { stores: ['vs_1'], max_tokens: 100 } };
    const accepted = await app.request('/v1/chat/completions', post(asked, later));
    expect(accepted.status).toBe(202);
    const [pointer] = world.started;
    if (pointer === undefined) throw new Error('Nothing was started.');
    expect(await runner.step(pointer, new AbortController().signal)).toMatchObject({ kind: 'ended', status: 'failed' });
    const ended = await app.request(accepted.headers.get('location') ?? '');
    expect(ended.status).toBe(status);
    expect(await ended.json()).toMatchObject({
      error:
        failure instanceof ApiError
          ? { type: 'invalid_request_error', code: failure.code, param: failure.param }
          : { type: 'server_error', code: 'internal_error', param: null },
    });
  });

  it.each([{ stream: true }, { logprobs: true }, { n: 2 }])('with %j is a 400', async (fields) => {
    const { app } = playedWorld({ thought: 20 });
    expect((await app.request('/v1/chat/completions', post({ ...chat, ...fields }, later))).status).toBe(400);
  });
});
