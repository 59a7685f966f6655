import type { RetrievalSettings } from '../settings/retrieval-settings.ts';
import type { PassageIndex } from './passage-index.ts';

/** Opens the index of a deployment. The clients of its services are loaded when it is first opened. */
export async function openIndex({ indexArn, language, embeddings }: RetrievalSettings): Promise<PassageIndex> {
  const { S3VectorsIndex } = await import('./s3-vectors/s3-vectors-index.ts');
  if (embeddings.kind === 'none') return new S3VectorsIndex({ indexArn, language });
  const { createTitanEmbedder } = await import('./embed/titan-embedder.ts');
  return new S3VectorsIndex({ indexArn, language, embedder: createTitanEmbedder(embeddings.dimensions) });
}
