import type { AppDependencies } from '../../context.ts';
import { parseBody } from '../../http/parse-body.ts';
import { parseQuery } from '../../http/parse-query.ts';
import type { IndexQuery } from '../../retrieval/passage-index.ts';
import { countFiles, type StoreFile, type StoreRecord } from '../../retrieval/stores/records.ts';
import { requireDocuments } from '../../retrieval/stores/require-stores.ts';
import type { VectorStores } from '../../retrieval/stores/vector-stores.ts';
import { defineApi, route } from '../api.ts';
import { pageOf, pageQuerySchema } from '../paging.ts';
import {
  newBatchSchema,
  newStoreFileSchema,
  newStoreSchema,
  searchSchema,
  storeChangeSchema,
  storeFileChangeSchema,
  toChunking,
} from './request.ts';
import { storeFileQuerySchema } from './store-file-query.ts';

const DAY_SECONDS = 86_400;

/** `/v1/vector_stores`: documents that can be searched, as OpenAI's. */
export const vectorStores = defineApi({
  routes: {
    createVectorStore: route('POST', '/v1/vector_stores', (dependencies) => async (context) => {
      const { stores, files } = requireDocuments(dependencies);
      const body = await parseBody(context.req.raw, newStoreSchema);
      const key = context.get('caller').id;
      const ids = [...new Set(body.file_ids ?? [])];
      // An unknown file must not leave a store.
      for (const id of ids) await files.require(key, id);
      const store = await stores.create(key, {
        ...(body.name == null ? {} : { name: body.name }),
        ...(body.description == null ? {} : { description: body.description }),
        ...(body.metadata == null ? {} : { metadata: body.metadata }),
        ...(body.expires_after == null ? {} : { expiresAfterDays: body.expires_after.days }),
      });
      const chunking = toChunking(body.chunking_strategy);
      await stores.attach(
        key,
        store.id,
        ids.map((fileId) => ({ fileId, chunking })),
      );
      return context.json(await toStoreObject(stores, store));
    }),
    listVectorStores: route('GET', '/v1/vector_stores', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      const query = parseQuery(pageQuerySchema, context.req.query());
      const found = [];
      for await (const store of stores.list(context.get('caller').id))
        found.push({ ...store, created_at: store.created });
      const { data, ...page } = pageOf(found, query);
      return context.json({ ...page, data: await Promise.all(data.map((store) => toStoreObject(stores, store))) });
    }),
    retrieveVectorStore: route('GET', '/v1/vector_stores/:id', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      return context.json(
        await toStoreObject(stores, await stores.require(context.get('caller').id, context.req.param('id'))),
      );
    }),
    modifyVectorStore: route('POST', '/v1/vector_stores/:id', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      const { name, metadata, expires_after: expires } = await parseBody(context.req.raw, storeChangeSchema);
      const store = await stores.change(context.get('caller').id, context.req.param('id'), {
        ...(name == null ? {} : { name }),
        ...(metadata == null ? {} : { metadata }),
        ...(expires === undefined ? {} : { expiresAfterDays: expires?.days ?? null }),
        lastActive: dependencies.unixTime(),
      });
      return context.json(await toStoreObject(stores, store));
    }),
    deleteVectorStore: route('DELETE', '/v1/vector_stores/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      await requireDocuments(dependencies).stores.delete(context.get('caller').id, id);
      return context.json({ id, object: 'vector_store.deleted', deleted: true });
    }),
    searchVectorStore: route('POST', '/v1/vector_stores/:id/search', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      const body = await parseBody(context.req.raw, searchSchema);
      const queries = [body.query].flat();
      const { score_threshold: scoreThreshold = 0, hybrid_search: weights } = body.ranking_options ?? {};
      const hybrid: IndexQuery['hybrid'] | undefined = weights && {
        embeddingWeight: weights.embedding_weight,
        textWeight: weights.text_weight,
      };
      const found = await stores.search({
        key: context.get('caller').id,
        stores: [context.req.param('id')],
        text: queries.join('\n'),
        maxResults: body.max_num_results,
        scoreThreshold,
        ...(body.filters == null ? {} : { filter: body.filters }),
        ...(hybrid === undefined ? {} : { hybrid }),
      });
      return context.json({
        object: 'vector_store.search_results.page',
        search_query: queries,
        data: found.map(({ id: passageId, fileId, filename, score, attributes, text, titlePath }) => ({
          passage_id: passageId,
          file_id: fileId,
          filename,
          score,
          attributes,
          content: [{ type: 'text', text: [...titlePath.slice(-1), text].join('\n') }],
        })),
        has_more: false,
        next_page: null,
      });
    }),
    createVectorStoreFile: route('POST', '/v1/vector_stores/:id/files', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      const id = context.req.param('id');
      const {
        file_id: fileId,
        attributes,
        chunking_strategy: chunking,
      } = await parseBody(context.req.raw, newStoreFileSchema);
      const [file] = await stores.attach(context.get('caller').id, id, [
        { fileId, attributes: attributes ?? undefined, chunking: toChunking(chunking) },
      ]);
      const now = file ?? (await stores.requireFile(context.get('caller').id, id, fileId));
      return context.json(toStoreFile(id, now));
    }),
    listVectorStoreFiles: route('GET', '/v1/vector_stores/:id/files', (dependencies) => async (context) => {
      const { stores } = requireDocuments(dependencies);
      const id = context.req.param('id');
      return context.json(pageOfFiles(id, await stores.files(context.get('caller').id, id), context.req.query()));
    }),
    retrieveVectorStoreFile: route('GET', '/v1/vector_stores/:id/files/:file', (dependencies) => async (context) => {
      const { id, file } = context.req.param();
      return context.json(
        toStoreFile(id, await requireDocuments(dependencies).stores.requireFile(context.get('caller').id, id, file)),
      );
    }),
    updateVectorStoreFile: route('POST', '/v1/vector_stores/:id/files/:file', (dependencies) => async (context) => {
      const { id, file } = context.req.param();
      const { attributes } = await parseBody(context.req.raw, storeFileChangeSchema);
      const changed = await requireDocuments(dependencies).stores.setAttributes(
        context.get('caller').id,
        id,
        file,
        attributes ?? {},
      );
      return context.json(toStoreFile(id, changed));
    }),
    deleteVectorStoreFile: route('DELETE', '/v1/vector_stores/:id/files/:file', (dependencies) => async (context) => {
      const { id, file } = context.req.param();
      await requireDocuments(dependencies).stores.detach(context.get('caller').id, id, file);
      return context.json({ id: file, object: 'vector_store.file.deleted', deleted: true });
    }),
    retrieveVectorStoreFileContent: route(
      'GET',
      '/v1/vector_stores/:id/files/:file/content',
      (dependencies) => async (context) => {
        const { id, file } = context.req.param();
        const passages = await requireDocuments(dependencies).stores.passages(context.get('caller').id, id, file);
        return context.json({
          object: 'vector_store.file_content.page',
          data: passages.map((text) => ({ type: 'text', text })),
          has_more: false,
          next_page: null,
        });
      },
    ),
    createVectorStoreFileBatch: route(
      'POST',
      '/v1/vector_stores/:id/file_batches',
      (dependencies) => async (context) => {
        const { stores } = requireDocuments(dependencies);
        const id = context.req.param('id');
        const key = context.get('caller').id;
        const body = await parseBody(context.req.raw, newBatchSchema);
        const given =
          body.files ??
          (body.file_ids ?? []).map((fileId) => ({
            ...{ file_id: fileId, attributes: body.attributes, chunking_strategy: body.chunking_strategy },
          }));
        const byId = new Map(given.map((file) => [file.file_id, file]));
        const { id: batchId } = await stores.createBatch(
          key,
          id,
          [...byId.values()].map(({ file_id: fileId, attributes, chunking_strategy: chunking }) => ({
            ...{ fileId, attributes: attributes ?? undefined, chunking: toChunking(chunking) },
          })),
        );
        return context.json(await toBatch(dependencies, { key, id, batchId }));
      },
    ),
    retrieveVectorStoreFileBatch: route(
      'GET',
      '/v1/vector_stores/:id/file_batches/:batch',
      (dependencies) => async (context) => {
        const { id, batch: batchId } = context.req.param();
        return context.json(await toBatch(dependencies, { key: context.get('caller').id, id, batchId }));
      },
    ),
    cancelVectorStoreFileBatch: route(
      'POST',
      '/v1/vector_stores/:id/file_batches/:batch/cancel',
      (dependencies) => async (context) => {
        const { id, batch: batchId } = context.req.param();
        const key = context.get('caller').id;
        await requireDocuments(dependencies).stores.cancelBatch(key, id, batchId);
        return context.json(await toBatch(dependencies, { key, id, batchId }));
      },
    ),
    listVectorStoreFilesInBatch: route(
      'GET',
      '/v1/vector_stores/:id/file_batches/:batch/files',
      (dependencies) => async (context) => {
        const { id, batch } = context.req.param();
        const { files } = await requireDocuments(dependencies).stores.requireBatch(context.get('caller').id, id, batch);
        return context.json(pageOfFiles(id, files, context.req.query()));
      },
    ),
  },
  describe: async () => (await import('./operations.ts')).description,
});

async function toStoreObject(stores: VectorStores, store: StoreRecord) {
  const { counts, usageBytes } = await stores.counts(store.id);
  const { id, name, description, metadata, created, lastActive, expiresAfterDays } = store;
  return {
    ...{ id, object: 'vector_store' as const, created_at: created, name, metadata, last_active_at: lastActive },
    ...(description === undefined ? {} : { description }),
    status: counts.in_progress > 0 ? ('in_progress' as const) : ('completed' as const),
    usage_bytes: usageBytes,
    file_counts: counts,
    ...(expiresAfterDays === undefined
      ? { expires_at: null }
      : {
          expires_after: { anchor: 'last_active_at' as const, days: expiresAfterDays },
          expires_at: lastActive + expiresAfterDays * DAY_SECONDS,
        }),
  };
}

function toStoreFile(storeId: string, { fileId, created, status, error, usageBytes, attributes, chunking }: StoreFile) {
  return {
    ...{ id: fileId, object: 'vector_store.file' as const, created_at: created, vector_store_id: storeId, status },
    usage_bytes: usageBytes,
    last_error: error ?? null,
    attributes,
    chunking_strategy: {
      type: 'static' as const,
      static: { max_chunk_size_tokens: chunking.maxTokens, chunk_overlap_tokens: chunking.overlapTokens },
    },
  };
}

function pageOfFiles(storeId: string, files: readonly StoreFile[], query: Readonly<Record<string, string>>) {
  const { filter, ...page } = parseQuery(storeFileQuerySchema, query);
  const chosen = files.filter(({ status }) => filter === undefined || status === filter);
  return pageOf(
    chosen.map((file) => toStoreFile(storeId, file)),
    page,
  );
}

async function toBatch(
  dependencies: AppDependencies,
  { key, id, batchId }: { readonly key: string; readonly id: string; readonly batchId: string },
) {
  const { batch, files } = await requireDocuments(dependencies).stores.requireBatch(key, id, batchId);
  const counts = countFiles(files);
  const status =
    counts.in_progress > 0
      ? 'in_progress'
      : batch.cancelled === true
        ? 'cancelled'
        : counts.total > 0 && counts.failed === counts.total
          ? 'failed'
          : 'completed';
  return {
    ...{ id: batchId, object: 'vector_store.files_batch' as const, created_at: batch.created, vector_store_id: id },
    status,
    file_counts: counts,
  };
}
