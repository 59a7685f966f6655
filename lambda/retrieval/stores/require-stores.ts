import type { AppDependencies } from '../../context.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { DocumentStores } from './document-stores.ts';

/** @throws {ApiError} 404 if the deployment keeps no files */
export function requireDocuments({ documents }: Pick<AppDependencies, 'documents'>): DocumentStores {
  if (documents !== undefined) return documents;
  throw new ApiError(404, 'This deployment keeps no files. Set retention.filesDays and retrieval in its config.', {
    code: 'files_off',
  });
}
