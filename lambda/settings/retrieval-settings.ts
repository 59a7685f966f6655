import * as z from 'zod';

/** Dimensions of Titan Text Embeddings V2. https://docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html */
export const titanDimensions = [256, 512, 1024] as const;

export const embeddingsSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }).describe('Search by text alone.'),
  z
    .strictObject({
      kind: z.literal('titan'),
      dimensions: z.literal(titanDimensions).default(1024).describe('Length of the vectors.'),
    })
    .describe('Search by text and by vectors of Titan Text Embeddings V2 on Amazon Bedrock.'),
]);

/** Where documents and their passages are. */
export const retrievalSettingsSchema = z.strictObject({
  /** Index of S3 Vectors. */
  indexArn: z.string().min(1),
  /** S3 bucket of the documents, of what says in which store they are, and of what is known of their passages. */
  documentBucket: z.string().min(1),
  /** ISO 639-1 code of the language of most documents. */
  language: z.string().regex(/^[a-z]{2}$/),
  embeddings: embeddingsSchema,
});
export type RetrievalSettings = z.infer<typeof retrievalSettingsSchema>;
