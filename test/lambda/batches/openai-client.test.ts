import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { BatchWorker } from '../../../lambda/batches/batch-worker.ts';
import { callerOfKey } from '../../../lambda/batches/caller-of-key.ts';
import { runLineBy } from '../../../lambda/batches/run-line.ts';
import { batchRulesSchema } from '../../../lambda/settings/batch-settings.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import type { ScriptedSegment } from '../scripted-world.ts';
import { batchApp, ENDPOINT, inputLine } from './batch-world.ts';

const answers = (count: number): readonly ScriptedSegment[] =>
  Array.from({ length: count }, (_, index) => [
    { says: '\nI count.', ends: IM_START },
    { says: `\nAnswer ${index}.`, ends: IM_END },
  ]).flat();

/** An app, a key with limits, and a worker that runs one line at a time. */
async function worldOf(
  count: number,
  fields: Parameters<Awaited<ReturnType<typeof batchApp>>['keys']['create']>[1] = {},
) {
  const world = await batchApp(answers(count));
  const { key, record } = await world.keys.create('jobs', fields);
  const client = world.clientOf(key);
  const work = async (startUntil?: number) =>
    await new BatchWorker(
      world.optionsFor(runLineBy(world.app), {
        rules: batchRulesSchema.parse({ concurrency: 1 }),
        callerOf: callerOfKey({ keys: world.keys, keyHashes: async () => [] }),
      }),
    ).work({ startUntil, signal: new AbortController().signal });
  const upload = async (lines: readonly string[]) =>
    await client.files.create({ file: new File([lines.join('\n')], 'requests.jsonl'), purpose: 'batch' });
  const create = async (lines: readonly string[]) =>
    await client.batches.create({
      input_file_id: (await upload(lines)).id,
      endpoint: ENDPOINT,
      completion_window: '24h',
      metadata: { job: 'nightly' },
    });
  return { ...world, client, record, work, upload, create };
}

describe('batches, by the openai client', () => {
  it('creates a batch, follows it, and reads its output', async () => {
    const { client, work, create } = await worldOf(2);
    const batch = await create([inputLine('a'), inputLine('b')]);
    expect(batch).toMatchObject({ object: 'batch', status: 'validating', metadata: { job: 'nightly' } });
    await work();
    const ended = await client.batches.retrieve(batch.id);
    expect(ended).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } });
    const text = await (await client.files.content(ended.output_file_id ?? '')).text();
    const output = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(output.map(({ custom_id: id }) => id)).toEqual(['a', 'b']);
    const completion: OpenAI.ChatCompletion = output[0].response.body;
    expect(completion.object).toBe('chat.completion');
    expect(completion.choices[0]?.message.content).toBe('Answer 0.');
    const file = await client.files.retrieve(ended.output_file_id ?? '');
    expect(file).toMatchObject({ purpose: 'batch_output', bytes: Buffer.byteLength(text) });
    expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
  });

  it('the usage of each line is recorded for the key, as of any request', async () => {
    const { work, create, ledger, record, clock } = await worldOf(2);
    const { id } = await create([inputLine('a'), inputLine('b')]);
    await work();
    const found = [];
    const day = new Date(clock.now * 1_000).toISOString().slice(0, 10);
    for await (const usage of ledger.records([day], record.id)) found.push(usage);
    expect(found).toHaveLength(2);
    for (const usage of found) expect(usage).toMatchObject({ status: 'settled', model: 'scripted' });
    expect(found.every(({ answer }) => answer > 0)).toBe(true);
    expect(id).toMatch(/^batch_/);
  });

  it('the limits of the key hold for lines: they wait for the next minute', async () => {
    const { work, create, client, clock } = await worldOf(3, { limits: { requests_per_minute: 2 } });
    const batch = await create([inputLine('a'), inputLine('b'), inputLine('c')]);
    // The requests of the client itself are no model requests, which the limit counts.
    const start = clock.now;
    await work();
    clock.now += 60;
    await work();
    expect((await client.batches.retrieve(batch.id)).request_counts).toEqual({ total: 3, completed: 3, failed: 0 });
    expect(clock.now - start).toBeGreaterThanOrEqual(20);
  });

  it('a model that the key may not use is the result of its line', async () => {
    const { work, create, client } = await worldOf(1, { limits: { models: ['another'] } });
    const batch = await create([inputLine('a')]);
    await work();
    const ended = await client.batches.retrieve(batch.id);
    expect(ended).toMatchObject({ status: 'completed', output_file_id: null, request_counts: { failed: 1 } });
    const text = await (await client.files.content(ended.error_file_id ?? '')).text();
    expect(JSON.parse(text)).toMatchObject({ custom_id: 'a', response: { status_code: 404 } });
  });

  it('errors of the input have the numbers of their lines', async () => {
    const { work, create, client } = await worldOf(0);
    const batch = await create([inputLine('a'), inputLine('a'), 'no JSON']);
    await work();
    const { status, errors } = await client.batches.retrieve(batch.id);
    expect(status).toBe('failed');
    expect(errors?.data?.map(({ code, line }) => [code, line])).toEqual([
      ['duplicate_custom_id', 2],
      ['invalid_json_line', 3],
    ]);
  });

  it('cancels a batch', async () => {
    const { work, create, client } = await worldOf(0);
    const batch = await create([inputLine('a')]);
    expect((await client.batches.cancel(batch.id)).status).toBe('cancelling');
    await work();
    expect((await client.batches.retrieve(batch.id)).status).toBe('cancelled');
    await expect(client.batches.cancel(batch.id)).rejects.toThrow(/cancelled. Only a batch/);
  });

  it('a batch and its files are of one key', async () => {
    const { create, work, client, keys, clientOf, upload } = await worldOf(1);
    const batch = await create([inputLine('a')]);
    await work();
    const ended = await client.batches.retrieve(batch.id);
    const other = clientOf((await keys.create('other')).key);
    await expect(other.batches.retrieve(batch.id)).rejects.toThrow(OpenAI.NotFoundError);
    await expect(other.batches.cancel(batch.id)).rejects.toThrow(OpenAI.NotFoundError);
    await expect(other.files.content(ended.output_file_id ?? '')).rejects.toThrow(OpenAI.NotFoundError);
    expect((await other.batches.list()).data).toEqual([]);
    const { id } = await upload([inputLine('b')]);
    await expect(
      other.batches.create({ input_file_id: id, endpoint: ENDPOINT, completion_window: '24h' }),
    ).rejects.toThrow(OpenAI.NotFoundError);
  });

  it.each([
    [{ endpoint: '/v1/embeddings' }, /endpoint must be one of/],
    [{ completion_window: '48h' }, /completion_window must be one of/],
    [{ input_file_id: 'file-none' }, /No file of this key/],
    [{ endpoint: '/v1/completions' }, /may not use a batch of \/v1\/completions/],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, ''])) },
      /more than 16 pairs/,
    ],
  ])('refuses %j', async (fields, message) => {
    const { client, upload } = await worldOf(0);
    const { id } = await upload([inputLine('a')]);
    const body = { input_file_id: id, endpoint: ENDPOINT, completion_window: '24h', ...fields };
    await expect(client.batches.create(body as OpenAI.BatchCreateParams)).rejects.toThrow(message);
  });

  it('refuses a file of another purpose', async () => {
    const { client } = await worldOf(0);
    const file = await client.files.create({ file: new File(['text'], 'a.txt'), purpose: 'user_data' });
    await expect(
      client.batches.create({ input_file_id: file.id, endpoint: ENDPOINT, completion_window: '24h' }),
    ).rejects.toThrow(/purpose "user_data"/);
  });

  it('revoking a key deletes its batches and files', async () => {
    const { create, client, record, app, store, files, documents } = await worldOf(0);
    await create([inputLine('a')]);
    const headers = { authorization: 'Bearer admin' };
    const revoked = await app.request(`/v1/admin/keys/${record.id}`, { method: 'DELETE', headers });
    expect(revoked.status).toBe(200);
    for await (const batch of store.list(record.id)) expect(batch).toBeUndefined();
    for await (const file of files.list(record.id)) expect(file).toBeUndefined();
    expect(documents.names).toEqual([]);
    await expect(client.batches.list()).rejects.toThrow(OpenAI.AuthenticationError);
  });
});
