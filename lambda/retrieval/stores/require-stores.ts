import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { DocumentStores } from './document-stores.ts';
import type { FileStore } from './file-store.ts';

/** @throws {ApiError} 404 if the deployment keeps no files */
export function requireFiles({ documents, files }: Pick<AppDependencies, 'documents' | 'files'>): FileStore {
  const found = documents?.files ?? files;
  if (found !== undefined) return found;
  throw new ApiError(
    404,
    'This deployment keeps no files. Set retention.filesDays, and retrieval or batches, in its config.',
    { code: 'files_off' },
  );
}

/** @throws {ApiError} 404 if the deployment has no stores of documents */
export function requireDocuments({ documents }: Pick<AppDependencies, 'documents'>): DocumentStores {
  if (documents !== undefined) return documents;
  throw new ApiError(404, 'This deployment keeps no files. Set retention.filesDays and retrieval in its config.', {
    code: 'files_off',
  });
}
