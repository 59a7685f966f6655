import * as z from 'zod';
import { batchEndpoints } from '../../batches/records.ts';
import { pageQuerySchema } from '../paging.ts';

export const newBatchSchema = z.strictObject({
  input_file_id: z.string().min(1).max(128).describe('A file with the purpose `batch`.'),
  endpoint: z.enum(batchEndpoints).describe('Where all its requests go.'),
  completion_window: z.literal('24h').describe('After it, requests without a response are given up.'),
  metadata: z.record(z.string().min(1).max(64), z.string().max(512)).nullish().describe('Up to 16 pairs of your own.'),
  output_expires_after: z
    .strictObject({ anchor: z.literal('created_at'), seconds: z.int().min(3_600).max(2_592_000) })
    .nullish()
    .describe('Lifetime of the output files, if it is shorter than the deployment’s `retention.filesDays`.'),
});

export const batchQuerySchema = pageQuerySchema.pick({ limit: true, after: true });
