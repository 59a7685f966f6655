import { parseQuery } from '../../http/parse-query.ts';
import type { FileRecord } from '../../retrieval/stores/records.ts';
import { requireFiles } from '../../retrieval/stores/require-stores.ts';
import { defineApi, route } from '../api.ts';
import { pageOf } from '../paging.ts';
import { fileQuerySchema } from './operations-query.ts';
import { readUpload } from './read-upload.ts';

/** `/v1/files`: documents and batches that a key uploads, and the output of batches, as OpenAI's. */
export const files = defineApi({
  routes: {
    createFile: route('POST', '/v1/files', (dependencies) => async (context) => {
      const store = requireFiles(dependencies);
      const upload = await readUpload(context.req.raw);
      return context.json(toFileObject(await store.create(context.get('caller').id, upload)));
    }),
    listFiles: route('GET', '/v1/files', (dependencies) => async (context) => {
      const { purpose, ...page } = parseQuery(fileQuerySchema, context.req.query());
      const found = [];
      for await (const record of requireFiles(dependencies).list(context.get('caller').id)) {
        if (purpose === undefined || record.purpose === purpose) found.push(toFileObject(record));
      }
      return context.json(pageOf(found, page));
    }),
    retrieveFile: route('GET', '/v1/files/:id', (dependencies) => async (context) => {
      const record = await requireFiles(dependencies).require(context.get('caller').id, context.req.param('id'));
      return context.json(toFileObject(record));
    }),
    retrieveFileContent: route('GET', '/v1/files/:id/content', (dependencies) => async (context) => {
      const store = requireFiles(dependencies);
      const key = context.get('caller').id;
      const record = await store.require(key, context.req.param('id'));
      // Never a type that a browser would run.
      return context.body(ReadableStream.from(store.read(key, record)), 200, {
        'content-type': 'application/octet-stream',
        'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(record.filename)}`,
        'x-content-type-options': 'nosniff',
      });
    }),
    deleteFile: route('DELETE', '/v1/files/:id', (dependencies) => async (context) => {
      const id = context.req.param('id');
      const key = context.get('caller').id;
      const { documents } = dependencies;
      if (documents !== undefined) await documents.stores.deleteFile(key, id);
      else {
        const store = requireFiles(dependencies);
        await store.require(key, id);
        await store.delete(key, id);
      }
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
