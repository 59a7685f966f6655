import { z } from 'zod';
import { embeddingsSchema } from '../../lambda/settings/retrieval-settings.ts';

/** Config of documents that answers are looked up in. */
export const retrievalSchema = z.strictObject({
  language: z
    .string()
    .regex(/^[a-z]{2}$/, 'Expected a language of two letters, for instance "en"')
    .default('en')
    .describe(
      'Language of most documents (ISO 639-1). S3 Vectors has word forms of `en`, `fr`, `es`, `pt`, `it`, `de`, `nl`, `zh`, `ja` and `ko`; words of any other are found as they are written. A change replaces the index: its documents must be ingested again.',
    ),
  embeddings: embeddingsSchema
    .default({ kind: 'none' })
    .describe(
      'Whether passages are also found by meaning. Titan costs for each token of a document and of a question. A change of `dimensions`, or between `none` and `titan`, replaces the index.',
    ),
  removal: z
    .enum(['keep', 'delete'])
    .default('keep')
    .describe('Whether documents and their passages stay when the stack is deleted.'),
});
export type RetrievalConfig = z.output<typeof retrievalSchema>;
