import { parseQuery } from '../../http/parse-query.ts';
import type { FileRecord } from '../../retrieval/stores/records.ts';
import { requireDocuments } from '../../retrieval/stores/require-stores.ts';
import { defineApi, route } from '../api.ts';
import { pageOf } from '../paging.ts';
import { fileQuerySchema } from './operations-query.ts';
import { readUpload } from './read-upload.ts';

/** `/v1/files`: documents that a key uploads, as OpenAI's. */
export const files = defineApi({
  routes: {
    createFile: route('POST', '/v1/files', (dependencies) => async (context) => {
      const store = requireDocuments(dependencies).files;
      const upload = await readUpload(context.req.raw);
      return context.json(toFileObject(await store.create(context.get('caller').id, upload)));
    }),
    listFiles: route('GET', '/v1/files', (dependencies) => async (context) => {
      const { purpose, ...page } = parseQuery(fileQuerySchema, context.req.query());
      const found = [];
      for await (const record of requireDocuments(dependencies).files.list(context.get('caller').id)) {
        if (purpose === undefined || record.purpose === purpose) found.push(toFileObject(record));
      }
      return context.json(pageOf(found, page));
    }),
    retrieveFile: route('GET', '/v1/files/:id', (dependencies) => async (context) => {
      const record = await requireDocuments(dependencies).files.require(
        context.get('caller').id,
        context.req.param('id'),
      );
      return context.json(toFileObject(record));
    }),
    retrieveFileContent: route('GET', '/v1/files/:id/content', (dependencies) => async (context) => {
      const { files: store } = requireDocuments(dependencies);
      const [key, id] = [context.get('caller').id, context.req.param('id')];
      const { filename } = await store.require(key, id);
      const content = await store.content(key, id);
      // Never a type that a browser would run.
      return context.body(new Uint8Array(content ?? []), 200, {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(filename)}`,
        'x-content-type-options': 'nosniff',
      });
    }),
    deleteFile: route('DELETE', '/v1/files/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      await requireDocuments(dependencies).stores.deleteFile(context.get('caller').id, id);
      return context.json({ id, object: 'file', deleted: true });
    }),
  },
  describe: async () => (await import('./operations.ts')).description,
});

function toFileObject({ id, filename, bytes, purpose, created, expires }: FileRecord) {
  return {
    ...{ id, object: 'file' as const, bytes, created_at: created, filename, purpose, status: 'processed' as const },
    ...(expires === undefined ? {} : { expires_at: expires }),
  };
}
