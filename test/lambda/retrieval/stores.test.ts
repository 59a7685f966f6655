import { NotFoundError } from 'openai';
import { describe, expect, it } from 'vitest';
import { createCutDocument } from '../../../lambda/retrieval/read/read-document.ts';
import { MemoryDocuments } from '../../../lambda/retrieval/sync/memory-documents.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { EmbeddedIndex } from '../../../local/retrieval/embedded-index.ts';
import { documentParts, documentWorld, NOW, temporaryFolder, textFile } from './document-world.ts';

const handbook = `# Handbook

## Warranty

The warranty of a lamp lasts seven years.

## Returns

Send it back within 30 days.
`;

describe('the client of openai', () => {
  it('uploads a file, makes a store, searches, and reads what it took', async () => {
    const { client } = await documentWorld();
    const file = await client.files.create({ file: textFile('handbook.md', handbook), purpose: 'assistants' });
    expect(file).toEqual({
      id: expect.stringMatching(/^file-/),
      ...{ object: 'file', bytes: handbook.length, created_at: NOW, filename: 'handbook.md', purpose: 'assistants' },
      ...{ status: 'processed', expires_at: NOW + 30 * 86_400 },
    });
    const store = await client.vectorStores.create({
      name: 'handbook',
      file_ids: [file.id],
      metadata: { of: 'lamps' },
    });
    expect(store).toMatchObject({
      ...{ object: 'vector_store', name: 'handbook', status: 'completed', metadata: { of: 'lamps' } },
      file_counts: { in_progress: 0, completed: 1, cancelled: 0, failed: 0, total: 1 },
    });
    expect(store.usage_bytes).toBeGreaterThan(50);
    const found = await client.vectorStores.search(store.id, { query: 'How long is the warranty?' });
    expect(found.data[0]).toMatchObject({ file_id: file.id, filename: 'handbook.md', attributes: {} });
    expect(found.data[0]?.content[0]?.text).toContain('seven years');
    expect(found.data[0]?.score).toBeGreaterThan(0.2);
    expect(found.data[0]?.score).toBeLessThanOrEqual(1);
    const content = await client.vectorStores.files.content(file.id, { vector_store_id: store.id });
    expect(content.data.map((part) => part.text).join('\n')).toContain('Send it back within 30 days.');
    const bytes = await (await client.files.content(file.id)).text();
    expect(bytes).toBe(handbook);
  });

  it('uploads and polls, changes attributes, filters by them, and takes a file out', async () => {
    const { client } = await documentWorld();
    const store = await client.vectorStores.create({});
    const [a, b] = await Promise.all(
      ['lamps', 'chairs'].map((what) =>
        client.vectorStores.files.uploadAndPoll(store.id, textFile(`${what}.txt`, `The warranty of ${what} is long.`)),
      ),
    );
    expect([a?.status, b?.status]).toEqual(['completed', 'completed']);
    await client.vectorStores.files.update(a?.id ?? '', {
      vector_store_id: store.id,
      attributes: { year: 2026, kind: 'lamp' },
    });
    const search = async (filters?: Parameters<typeof client.vectorStores.search>[1]['filters']) => {
      const query = { query: 'warranty', ...(filters === undefined ? {} : { filters }) };
      return (await client.vectorStores.search(store.id, query)).data.map(({ filename }) => filename).toSorted();
    };
    expect(await search()).toEqual(['chairs.txt', 'lamps.txt']);
    expect(await search({ type: 'eq', key: 'kind', value: 'lamp' })).toEqual(['lamps.txt']);
    expect(
      await search({
        type: 'and',
        filters: [
          { type: 'gt', key: 'year', value: 2025 },
          { type: 'ne', key: 'kind', value: 'x' },
        ],
      }),
    ).toEqual(['lamps.txt']);
    expect(await search({ type: 'gt', key: 'year', value: 2026 })).toEqual([]);
    await client.vectorStores.files.delete(a?.id ?? '', { vector_store_id: store.id });
    expect(await search()).toEqual(['chairs.txt']);
    await client.files.delete(b?.id ?? '');
    expect(await search()).toEqual([]);
    expect((await client.vectorStores.files.list(store.id)).data).toEqual([]);
  });

  it('takes a batch, and pages through lists', async () => {
    const { client, clock } = await documentWorld();
    const ids: string[] = [];
    for (let count = 0; count < 5; count++) {
      clock.now++;
      ids.push(
        (await client.files.create({ file: textFile(`${count}.txt`, `Number ${count}.`), purpose: 'user_data' })).id,
      );
    }
    const listed: string[] = [];
    for await (const { id } of client.files.list({ limit: 2, order: 'asc' })) listed.push(id);
    expect(listed).toEqual(ids);
    const store = await client.vectorStores.create({});
    const batch = await client.vectorStores.fileBatches.createAndPoll(store.id, { file_ids: ids });
    expect(batch).toMatchObject({ status: 'completed', file_counts: { completed: 5, total: 5 } });
    const inBatch: string[] = [];
    for await (const { id } of await client.vectorStores.fileBatches.listFiles(batch.id, {
      vector_store_id: store.id,
      limit: 2,
    }))
      inBatch.push(id);
    expect(inBatch.toSorted()).toEqual(ids.toSorted());
    for (let count = 0; count < 3; count++) {
      clock.now++;
      await client.vectorStores.create({ name: `store ${count}` });
    }
    const names: string[] = [];
    for await (const { name } of client.vectorStores.list({ limit: 2 })) names.push(name);
    expect(names).toEqual(['store 2', 'store 1', 'store 0', '']);
  });

  it('learns why a document cannot be read', async () => {
    const { client } = await documentWorld();
    const store = await client.vectorStores.create({});
    const file = await client.vectorStores.files.uploadAndPoll(store.id, new File(['%PDF-1.7 broken'], 'broken.pdf'));
    expect(file.status).toBe('failed');
    expect(file.last_error).toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(/^broken\.pdf .*\.$/),
    });
    expect((await client.vectorStores.retrieve(store.id)).file_counts.failed).toBe(1);
  });
});

describe('a store', () => {
  it('is gone after the days without a use, and stays if it is used', async () => {
    const { client, clock } = await documentWorld();
    const expires = { expires_after: { anchor: 'last_active_at', days: 1 } } as const;
    const [used, unused] = [await client.vectorStores.create(expires), await client.vectorStores.create(expires)];
    clock.now += 80_000;
    await client.vectorStores.search(used.id, { query: 'x' });
    clock.now += 80_000;
    expect((await client.vectorStores.retrieve(used.id)).id).toBe(used.id);
    await expect(client.vectorStores.retrieve(unused.id)).rejects.toThrow(NotFoundError);
  });

  it('reads a file again that it has already', async () => {
    const { client } = await documentWorld();
    const store = await client.vectorStores.create({});
    const file = await client.files.create({ file: textFile('a.txt', 'A florn is 17.'), purpose: 'assistants' });
    for (const year of [1, 2]) {
      await client.vectorStores.files.createAndPoll(store.id, { file_id: file.id, attributes: { year } });
    }
    const { data } = await client.vectorStores.search(store.id, { query: 'florn' });
    expect(data).toHaveLength(1);
    expect(data[0]?.attributes).toEqual({ year: 2 });
  });
});

describe('what belongs to another key', () => {
  it('is not there, whatever is asked', async () => {
    const { client, other } = await documentWorld();
    const file = await client.files.create({ file: textFile('a.txt', 'A secret of one.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ file_ids: [file.id] });
    const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids: [file.id] });
    const mine = await other.vectorStores.create({});
    const of = { vector_store_id: store.id };
    const asked = (id: string, storeId: string, fileId: string): readonly (() => Promise<unknown>)[] => [
      () => other.files.retrieve(fileId),
      () => other.files.content(fileId),
      () => other.files.delete(fileId),
      () => other.vectorStores.create({ file_ids: [fileId] }),
      () => other.vectorStores.files.create(mine.id, { file_id: fileId }),
      () => other.vectorStores.fileBatches.create(mine.id, { file_ids: [fileId] }),
      () => other.vectorStores.retrieve(storeId),
      () => other.vectorStores.update(storeId, { name: 'x' }),
      () => other.vectorStores.delete(storeId),
      () => other.vectorStores.search(storeId, { query: 'secret' }),
      () => other.vectorStores.files.list(storeId),
      () => other.vectorStores.files.create(storeId, { file_id: fileId }),
      () => other.vectorStores.files.retrieve(fileId, { vector_store_id: storeId }),
      () => other.vectorStores.files.update(fileId, { vector_store_id: storeId, attributes: {} }),
      () => other.vectorStores.files.content(fileId, { vector_store_id: storeId }),
      () => other.vectorStores.files.delete(fileId, { vector_store_id: storeId }),
      () => other.vectorStores.fileBatches.create(storeId, { file_ids: [fileId] }),
      () => other.vectorStores.fileBatches.retrieve(id, { vector_store_id: storeId }),
      () => other.vectorStores.fileBatches.cancel(id, { vector_store_id: storeId }),
      () => other.vectorStores.fileBatches.listFiles(id, { vector_store_id: storeId }),
    ];
    const message = async (ask: () => Promise<unknown>, ids: readonly string[]) => {
      const error: unknown = await ask().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(NotFoundError);
      return ids.reduce((text, id) => text.replaceAll(id, 'ID'), String(error));
    };
    const [theirs, unknown] = [[batch.id, store.id, file.id] as const, ['vsfb_none', 'vs_none', 'file-none'] as const];
    const [foreign, missing] = [asked(...theirs), asked(...unknown)];
    for (const [at, ask] of foreign.entries()) {
      const none = missing[at];
      if (none === undefined) throw new Error('There is no such request.');
      expect(await message(ask, theirs)).toBe(await message(none, unknown));
    }
    expect((await other.vectorStores.list()).data.map(({ id }) => id)).toEqual([mine.id]);
    expect((await other.files.list()).data).toEqual([]);
    expect((await client.vectorStores.files.retrieve(file.id, of)).status).toBe('completed');
    expect((await client.vectorStores.search(store.id, { query: 'secret' })).data).toHaveLength(1);
  });
});

describe('bad requests', () => {
  it.each([
    ['/v1/vector_stores', { name: 7 }, 'name'],
    ['/v1/vector_stores', { file_ids: ['file-none'] }, 'file-none'],
    [
      '/v1/vector_stores',
      { chunking_strategy: { type: 'static', static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 80 } } },
      'chunk_overlap_tokens may be at most half',
    ],
    ['/v1/vector_stores/ID/search', { query: '' }, 'query'],
    ['/v1/vector_stores/ID/search', { query: 'x', max_num_results: 51 }, 'max_num_results'],
    ['/v1/vector_stores/ID/search', { query: 'x', filters: { type: 'like', key: 'a', value: 'b' } }, 'filters'],
    ['/v1/vector_stores/ID/files', {}, 'file_id'],
    ['/v1/vector_stores/ID/file_batches', {}, 'file_ids or files'],
    [
      '/v1/vector_stores/ID/files',
      { file_id: 'a', attributes: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, 1])) },
      'more than 16',
    ],
  ])('%s with %j says what is wrong', async (path, body, text) => {
    const { app, one, client } = await documentWorld();
    const store = await client.vectorStores.create({});
    const response = await app.request(path.replace('ID', store.id), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${one.key}` },
      body: JSON.stringify(body),
    });
    expect([400, 404]).toContain(response.status);
    expect(await response.text()).toContain(text);
    expect((await client.vectorStores.list()).data).toHaveLength(1);
  });

  it.each([
    ['no file', { purpose: 'assistants' }, 'file is missing'],
    ['no purpose', { file: textFile('a.txt', 'a') }, 'purpose is missing'],
    [
      'the purpose of the output of a batch',
      { file: textFile('a.txt', 'a'), purpose: 'batch_output' },
      'purpose is \\"batch_output\\". Send \\"assistants\\" or',
    ],
    ['an empty file', { file: textFile('a.txt', ''), purpose: 'assistants' }, 'file is empty'],
    [
      'an expiry too soon',
      {
        file: textFile('a.txt', 'a'),
        purpose: 'assistants',
        'expires_after[anchor]': 'created_at',
        'expires_after[seconds]': '5',
      },
      'from 3600 to 2592000',
    ],
  ])('an upload with %s says what is wrong', async (_name, parts, text) => {
    const documents = new MemoryDocuments();
    const { app, one } = await documentWorld({ documents });
    const body = new FormData();
    for (const [name, value] of Object.entries(parts)) body.set(name, value);
    const response = await app.request('/v1/files', {
      method: 'POST',
      headers: { authorization: `Bearer ${one.key}` },
      body,
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(text);
    expect(documents.names).toEqual([]);
  });
});

describe('a file that a store has already', () => {
  const world = async () => {
    const made = await documentWorld();
    const file = await made.client.files.create({ file: textFile('a.txt', 'A florn is 17.'), purpose: 'assistants' });
    const store = await made.client.vectorStores.create({});
    await made.client.vectorStores.files.create(store.id, { file_id: file.id, attributes: { year: 2026 } });
    return { ...made, file, store, path: { vector_store_id: store.id } };
  };

  it('keeps its attributes if it is added without any, and is not read again', async () => {
    const { client, file, store, path, documents } = await world();
    const before = documents instanceof MemoryDocuments ? documents.names : [];
    expect(await client.vectorStores.files.create(store.id, { file_id: file.id })).toMatchObject({
      ...{ status: 'completed', attributes: { year: 2026 } },
    });
    expect(documents instanceof MemoryDocuments ? documents.names : []).toEqual(before);
    const chunking_strategy = {
      type: 'static',
      static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 0 },
    } as const;
    await client.vectorStores.files.create(store.id, { file_id: file.id, chunking_strategy });
    expect(await client.vectorStores.files.retrieve(file.id, path)).toMatchObject({
      ...{ status: 'completed', attributes: { year: 2026 }, chunking_strategy },
    });
  });

  it('stays if a batch with it is cancelled', async () => {
    const { client, file, store, path } = await world();
    const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids: [file.id] });
    expect(batch.file_counts).toMatchObject({ completed: 1, total: 1 });
    await client.vectorStores.fileBatches.cancel(batch.id, path);
    expect(await client.vectorStores.files.retrieve(file.id, path)).toMatchObject({ status: 'completed' });
    expect((await client.vectorStores.search(store.id, { query: 'florn' })).data).toHaveLength(1);
  });

  it('is in progress until a change of its attributes can be searched', async () => {
    const waiting: (() => Promise<void>)[] = [];
    const made = await documentWorld({
      options: {
        ingestion: {
          cut: createCutDocument(undefined),
          run: async (work) => {
            waiting.push(work);
          },
        },
      },
    });
    const ingest = async () => {
      for (const work of waiting.splice(0)) await work();
    };
    const { client } = made;
    const file = await client.files.create({ file: textFile('a.txt', 'A florn is 17.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ file_ids: [file.id] });
    await ingest();
    const path = { vector_store_id: store.id };
    const changed = await client.vectorStores.files.update(file.id, { ...path, attributes: { tenant: 'b' } });
    expect(changed).toMatchObject({ status: 'in_progress', attributes: { tenant: 'b' } });
    await ingest();
    expect(await client.vectorStores.files.retrieve(file.id, path)).toMatchObject({ status: 'completed' });
    const filters = { type: 'eq', key: 'tenant', value: 'b' } as const;
    expect((await client.vectorStores.search(store.id, { query: 'florn', filters })).data).toHaveLength(1);
  });

  it('and one that it does not have is a 404 that names the store', async () => {
    const { client, store, path } = await world();
    const other = await client.files.create({ file: textFile('b.txt', 'Other.'), purpose: 'assistants' });
    await expect(client.vectorStores.files.delete(other.id, path)).rejects.toThrow(
      `The vector store ${store.id} has no file with the id`,
    );
  });
});

describe('a filter', () => {
  it.each([
    [{ type: 'in', key: 'author', value: 'ann' }, 'filters.value'],
    [{ type: 'in', key: 'ok', value: [true] }, 'filters.value'],
    [{ type: 'eq', key: 'a', value: null }, 'filters.value'],
    [{ type: 'eq', value: 1 }, 'filters.key'],
    [
      { type: 'like', key: 'a', value: 'b' },
      'filters.type must be one of "eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or"',
    ],
    [{ type: 'and', filters: [{ type: 'eq', key: 'a' }] }, 'filters.filters[0].value'],
  ])('%j is refused with the member that is wrong', async (filters, text) => {
    const { app, client, one } = await documentWorld();
    const store = await client.vectorStores.create({});
    const response = await app.request(`/v1/vector_stores/${store.id}/search`, {
      method: 'POST',
      headers: { authorization: `Bearer ${one.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'x', filters }),
    });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(text.replaceAll('"', '\\"'));
  });
});

describe('attributes of a file in a store', () => {
  it.each([1.5e300, -2.9e21, 2.1e-189, 0.1, Number.MAX_VALUE])('keep the number %d', async (value) => {
    const { client } = await documentWorld();
    const file = await client.files.create({ file: textFile('a.txt', 'A florn is 17.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({});
    const path = { vector_store_id: store.id };
    const taken = await client.vectorStores.files.create(store.id, { file_id: file.id, attributes: { value } });
    expect(taken.attributes).toEqual({ value });
    const changed = await client.vectorStores.files.update(file.id, { ...path, attributes: { value, more: value } });
    expect(changed.attributes).toEqual({ value, more: value });
    expect(await client.vectorStores.files.retrieve(file.id, path)).toMatchObject({
      attributes: { value, more: value },
    });
  });
});

describe('deletion', () => {
  it('of a key leaves nothing of its documents', async () => {
    const documents = new MemoryDocuments();
    const { app, client, stores, one, index } = await documentWorld({ documents });
    const file = await client.files.create({ file: textFile('a.txt', 'A florn is 17.'), purpose: 'assistants' });
    const store = await client.vectorStores.create({ file_ids: [file.id] });
    const revoked = await app.request(`/v1/admin/keys/${one.record.id}`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer admin' },
    });
    expect(revoked.status).toBe(200);
    expect(documents.names).toEqual([]);
    await expect(stores.require(one.record.id, store.id)).rejects.toMatchObject({ status: 404 });
    expect(await index.search(store.id, { text: 'florn', limit: 5 })).toEqual([]);
  });
});

describe('an ingestion', () => {
  it('that ends at any point is finished by the next start: nothing lost, nothing doubled', async () => {
    const long = Array.from({ length: 40 }, (_, at) => `## Part ${at}\n\nThe word of part ${at} is w${at}w.`).join(
      '\n\n',
    );
    let points = 0;
    for (let failAt = 0; ; failAt++) {
      const folder = temporaryFolder();
      const [table, documents] = [new MemoryTable(), new MemoryDocuments()];
      const before = documentParts({ table, documents, index: new EmbeddedIndex(folder) });
      const file = await before.files.create('k', {
        filename: 'a.md',
        purpose: 'assistants',
        content: Buffer.from(long),
      });
      const store = await before.stores.create('k', {});
      const calls = { count: 0, failAt };
      const dying = documentParts({
        table: failing(table, calls),
        documents: failing(documents, calls),
        index: failing(new EmbeddedIndex(folder), calls),
      });
      const attachment = { fileId: file.id, attributes: {}, chunking: { maxTokens: 100, overlapTokens: 0 } };
      const died = await dying.stores.attach('k', store.id, [attachment]).then(
        () => false,
        () => true,
      );
      const after = documentParts({ table, documents, index: new EmbeddedIndex(folder) });
      await after.stores.resume();
      const files = await after.stores.files('k', store.id);
      // Before the file is written down, nothing was promised.
      if (files.length > 0) {
        expect(files).toMatchObject([{ status: 'completed', passages: 40 }]);
        for (const at of [0, 17, 39]) {
          const found = await after.stores.search({
            key: 'k',
            stores: [store.id],
            text: `w${at}w`,
            maxResults: 50,
            scoreThreshold: 0,
          });
          expect(found.map(({ text }) => text)).toEqual([`The word of part ${at} is w${at}w.`]);
        }
        const all = await after.index.search(store.id, { text: 'word', limit: 50 });
        expect(new Set(all.map(({ id }) => id)).size).toBe(40);
      }
      if (!died) break;
      points++;
    }
    expect(points).toBeGreaterThan(8);
  });
});

/** The same object, whose call number `failAt` and all that follow fail as if the process had ended. */
function failing<T extends object>(target: T, calls: { count: number; readonly failAt: number }): T {
  return new Proxy(target, {
    get(of, name) {
      const value: unknown = Reflect.get(of, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        if (calls.count++ >= calls.failAt) throw new Error('The process ended.');
        return Reflect.apply(value, of, args);
      };
    },
  });
}
