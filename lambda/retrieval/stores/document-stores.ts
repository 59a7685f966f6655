import type { FileStore } from './file-store.ts';
import type { VectorStores } from './vector-stores.ts';

/** Files and stores of documents, which a deployment has both or neither of. */
export interface DocumentStores {
  readonly files: FileStore;
  readonly stores: VectorStores;
}
