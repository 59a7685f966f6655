import type { RetrievalSettings } from '../settings/retrieval-settings.ts';
import type { IndexQuery, PassageIndex } from './passage-index.ts';
import type { Documents } from './sync/documents.ts';

/** The bucket of documents of a deployment. Its SDK client is loaded on first use. */
export function deployedDocuments({ documentBucket }: Pick<RetrievalSettings, 'documentBucket'>): Documents {
  let bucket: Promise<Documents> | undefined;
  const open = () => {
    bucket ??= import('./sync/document-bucket.ts').then(({ DocumentBucket }) => new DocumentBucket(documentBucket));
    return bucket;
  };
  return {
    get: async (name) => await (await open()).get(name),
    put: async (name, content) => await (await open()).put(name, content),
    putIfUnchanged: async (name, text, version) => await (await open()).putIfUnchanged(name, text, version),
    delete: async (name) => await (await open()).delete(name),
  };
}

/** The index of a deployment. The clients of its services are loaded on first use. */
export function deployedIndex(settings: RetrievalSettings): PassageIndex {
  let index: Promise<PassageIndex> | undefined;
  const open = () => {
    index ??= import('./open-index.ts')
      .then(async ({ openIndex }) => await openIndex(settings))
      .catch((error: unknown) => {
        index = undefined;
        throw error;
      });
    return index;
  };
  return {
    put: async (storeId, passages) => await (await open()).put(storeId, passages),
    remove: async (storeId, ids) => await (await open()).remove(storeId, ids),
    setAttributes: async (storeId, ids, attributes) => await (await open()).setAttributes(storeId, ids, attributes),
    get: async (storeId, ids) => await (await open()).get(storeId, ids),
    search: async (storeId, query: IndexQuery) => await (await open()).search(storeId, query),
    removeStore: async (storeId) => await (await open()).removeStore(storeId),
  };
}
