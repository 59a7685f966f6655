import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openIndex } from '../../../lambda/retrieval/open-index.ts';
import { SEARCH_KEY, unfilterableKeys } from '../../../lambda/retrieval/s3-vectors/metadata-keys.ts';
import { DocumentBucket } from '../../../lambda/retrieval/sync/document-bucket.ts';
import { ChangedObjectError } from '../../../lambda/retrieval/sync/documents.ts';
import { documentWorld, textFile } from './document-world.ts';
import { playS3, type QueueMessage } from './played-s3.ts';
import { playS3Vectors } from './played-s3-vectors.ts';

const settings = {
  indexArn: 'arn:aws:s3vectors:us-east-1:111122223333:bucket/passages/index/passages',
  documentBucket: 'documents',
  language: 'en',
  embeddings: { kind: 'none' as const },
};

let s3: Awaited<ReturnType<typeof playS3>>;
let vectors: Awaited<ReturnType<typeof playS3Vectors>>;
/** The ingestion's function, as Lambda loads it. */
let ingest: (event: { readonly Records: readonly QueueMessage[] }) => Promise<void>;
const written: string[] = [];

beforeEach(async () => {
  s3 = await playS3();
  vectors = await playS3Vectors({ dimensions: 1, unfilterable: unfilterableKeys, searchable: [SEARCH_KEY] });
  vi.stubEnv('AWS_ENDPOINT_URL_S3', s3.url);
  vi.stubEnv('AWS_ENDPOINT_URL_S3VECTORS', vectors.url);
  vi.stubEnv('AWS_REGION', 'us-east-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIAIOSFODNN7EXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('RETRIEVAL', JSON.stringify(settings));
  vi.stubEnv('TOKENIZER_FILE', 'local/model/tokenizer.json');
  vi.resetModules();
  ({ handler: ingest } = await import('../../../lambda/retrieval/sync/handler.ts'));
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => written.push(String(line)) > 0);
});
afterEach(() => {
  s3.close();
  vectors.close();
  written.length = 0;
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** The API of a deployment, whose ingestion is another function. */
const api = async () =>
  await documentWorld({
    documents: new DocumentBucket(settings.documentBucket),
    index: await openIndex(settings),
    options: { ingestion: undefined },
  });

/** Gives the queue's messages to the function, in this order. */
const deliver = async (messages: readonly QueueMessage[] = s3.messages.splice(0)) => {
  for (const message of messages) await ingest({ Records: [message] });
};
const texts = () => [...vectors.vectors.values()].map(({ metadata }) => JSON.stringify(metadata));

describe('documents of a deployment: API, bucket, queue, ingestion and index together', () => {
  it('a file is ingested by the event of its store file, found by its key alone, filtered, and gone when it is deleted', async () => {
    const { client, other, log } = await api();
    const file = await client.files.create({
      file: textFile('coins.md', '# Coins\n\nA florn is 17 coins.'),
      purpose: 'assistants',
    });
    const store = await client.vectorStores.create({ name: 'coins', file_ids: [file.id] });
    expect(store).toMatchObject({ status: 'in_progress', file_counts: { in_progress: 1 } });
    await deliver();
    expect(await client.vectorStores.retrieve(store.id)).toMatchObject({ file_counts: { completed: 1 } });
    const search = async () => (await client.vectorStores.search(store.id, { query: 'florn' })).data;
    expect(await search()).toMatchObject([{ file_id: file.id, filename: 'coins.md' }]);
    await expect(other.vectorStores.search(store.id, { query: 'florn' })).rejects.toMatchObject({ status: 404 });

    await client.vectorStores.files.update(file.id, { vector_store_id: store.id, attributes: { year: 2026 } });
    await deliver();
    const filtered = async (value: number) =>
      (await client.vectorStores.search(store.id, { query: 'florn', filters: { type: 'eq', key: 'year', value } }))
        .data;
    expect([(await filtered(2026)).length, (await filtered(2025)).length]).toEqual([1, 0]);

    await client.files.delete(file.id);
    await deliver();
    expect(vectors.vectors.size).toBe(0);
    expect([...s3.objects.keys()].filter((name) => name.includes(file.id))).toEqual([]);
    // Neither log has a word of the document.
    expect(JSON.stringify([written, log])).not.toContain('florn');
  });

  it('events may come twice, late and in any order', async () => {
    const { client } = await api();
    const first = await client.files.create({ file: textFile('a.md', 'The first text.'), purpose: 'assistants' });
    const second = await client.files.create({ file: textFile('b.md', 'The second text.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ name: 'texts', file_ids: [first.id, second.id] });
    await client.vectorStores.files.delete(first.id, { vector_store_id: store.id });
    const messages = s3.messages.splice(0);
    await deliver([...messages].reverse());
    await deliver(messages);
    await deliver(messages.slice(0, 1));
    expect(texts()).toEqual([expect.stringContaining('The second text.')]);
    expect(await client.vectorStores.retrieve(store.id)).toMatchObject({ file_counts: { total: 1, completed: 1 } });
  });

  it('a run that fails gives its message back, and the next one ends what it began', async () => {
    const { client } = await api();
    const file = await client.files.create({ file: textFile('a.md', 'A text.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ name: 'texts', file_ids: [file.id] });
    // More often than the SDK's client repeats a request.
    vectors.failures.push(...Array.from({ length: 10 }, () => ({ status: 400, type: 'AccessDeniedException' })));
    const messages = s3.messages.splice(0);
    await expect(deliver(messages)).rejects.toThrow('played failure');
    expect(await client.vectorStores.files.retrieve(file.id, { vector_store_id: store.id })).toMatchObject({
      status: 'in_progress',
    });
    vectors.failures.length = 0;
    await deliver(messages);
    expect(texts()).toHaveLength(1);
    expect(await client.vectorStores.retrieve(store.id)).toMatchObject({ file_counts: { completed: 1 } });
  });

  it('a document that cannot be read is failed with a sentence for its owner, and its message is done', async () => {
    const { client } = await api();
    const file = await client.files.create({ file: textFile('a.pdf', 'no PDF'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ name: 'texts', file_ids: [file.id] });
    await deliver();
    const kept = await client.vectorStores.files.retrieve(file.id, { vector_store_id: store.id });
    expect(kept.status).toBe('failed');
    expect(kept.last_error?.message).toMatch(/PDF/);
    expect(vectors.vectors.size).toBe(0);
  });

  it("S3's test event and names that are no store file are passed over", async () => {
    await ingest({ Records: [{ body: JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' }) }] });
    const record = { s3: { object: { key: 'stores/some+other/file.txt' } } };
    await ingest({ Records: [{ body: JSON.stringify({ Records: [record] }) }] });
    expect(written).toEqual([]);
  });
});

describe('DocumentBucket', () => {
  it('reads what it wrote, with a version that each change of the content changes', async () => {
    const bucket = new DocumentBucket('documents');
    expect(await bucket.get('a')).toBeUndefined();
    await bucket.put('a', new Uint8Array([0, 255]));
    const before = await bucket.get('a');
    expect([...(before?.bytes ?? [])]).toEqual([0, 255]);
    await bucket.put('a', 'other');
    expect((await bucket.get('a'))?.version).not.toBe(before?.version);
    await bucket.delete('a');
    await bucket.delete('a');
    expect(await bucket.get('a')).toBeUndefined();
  });

  it('writes only over the version that was read; the loser of two writers changes nothing', async () => {
    const bucket = new DocumentBucket('documents');
    const version = await bucket.putIfUnchanged('a', 'one', undefined);
    await expect(bucket.putIfUnchanged('a', 'two', undefined)).rejects.toThrow(ChangedObjectError);
    const next = await bucket.putIfUnchanged('a', 'three', version);
    await expect(bucket.putIfUnchanged('a', 'four', version)).rejects.toThrow('a was changed by another writer.');
    expect(s3.objects.get('a')?.toString()).toBe('three');
    await bucket.delete('a');
    await expect(bucket.putIfUnchanged('a', 'five', next)).rejects.toThrow(ChangedObjectError);
  });
});
