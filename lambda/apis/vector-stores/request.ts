import * as z from 'zod';
import { attributesSchema, type Chunking } from '../../retrieval/stores/records.ts';
import { filterSchema } from '../retrieval-fields.ts';

const MAX_FILES_AT_ONCE = 2_000;
/** OpenAI's defaults. */
const AUTO: Chunking = { maxTokens: 800, overlapTokens: 400 };

const metadataSchema = z
  .record(z.string().max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, 'has more than 16 entries');
const nameSchema = z.string().max(256);
const fileIdsSchema = z.array(z.string().min(1).max(128)).max(MAX_FILES_AT_ONCE);
const expiresAfterSchema = z.strictObject({
  anchor: z.literal('last_active_at').describe('When the store was last searched or changed.'),
  days: z.int().min(1).max(365),
});

const chunkingStrategySchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('auto') }),
    z.strictObject({
      type: z.literal('static'),
      static: z
        .strictObject({
          max_chunk_size_tokens: z.int().min(100).max(4_096),
          chunk_overlap_tokens: z.int().min(0).max(2_048),
        })
        .refine(
          ({ max_chunk_size_tokens: max, chunk_overlap_tokens: overlap }) => overlap <= max / 2,
          'chunk_overlap_tokens may be at most half of max_chunk_size_tokens',
        ),
    }),
  ])
  .describe('`auto`: 800 tokens with an overlap of 400.');

export function toChunking(strategy: z.output<typeof chunkingStrategySchema> | null | undefined): Chunking {
  if (strategy == null || strategy.type === 'auto') return AUTO;
  const { max_chunk_size_tokens: maxTokens, chunk_overlap_tokens: overlapTokens } = strategy.static;
  return { maxTokens, overlapTokens };
}

export const newStoreSchema = z.strictObject({
  name: nameSchema.nullish(),
  description: z.string().max(1_024).nullish(),
  file_ids: fileIdsSchema.nullish(),
  chunking_strategy: chunkingStrategySchema.nullish(),
  expires_after: expiresAfterSchema.nullish(),
  metadata: metadataSchema.nullish(),
});

export const storeChangeSchema = z.strictObject({
  name: nameSchema.nullish(),
  expires_after: expiresAfterSchema.nullish(),
  metadata: metadataSchema.nullish(),
});

export const newStoreFileSchema = z.strictObject({
  file_id: z.string().min(1).max(128),
  attributes: attributesSchema.nullish(),
  chunking_strategy: chunkingStrategySchema.nullish(),
});

export const storeFileChangeSchema = z.strictObject({ attributes: attributesSchema.nullable() });

export const newBatchSchema = z
  .strictObject({
    file_ids: fileIdsSchema.min(1).optional(),
    files: z.array(newStoreFileSchema).min(1).max(MAX_FILES_AT_ONCE).optional(),
    attributes: attributesSchema.nullish(),
    chunking_strategy: chunkingStrategySchema.nullish(),
  })
  .refine(
    ({ file_ids: ids, files }) => (ids === undefined) !== (files === undefined),
    'needs file_ids or files, and not both',
  );

export const searchSchema = z.strictObject({
  query: z.union([z.string().min(1).max(8_192), z.array(z.string().min(1).max(8_192)).min(1).max(8)]),
  filters: filterSchema.nullish(),
  max_num_results: z.int().min(1).max(50).default(10),
  ranking_options: z
    .strictObject({
      ranker: z.enum(['none', 'auto', 'default-2024-11-15']).optional(),
      score_threshold: z.number().min(0).max(1).optional(),
      hybrid_search: z
        .strictObject({ embedding_weight: z.number().min(0), text_weight: z.number().min(0) })
        .refine(({ embedding_weight: a, text_weight: b }) => a + b > 0, 'needs a weight above 0')
        .optional(),
    })
    .nullish(),
  rewrite_query: z.boolean().nullish().describe('Accepted, and not done: the query is searched as it is.'),
});
