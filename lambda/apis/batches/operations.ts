import * as z from 'zod';
import { batchEndpoints, batchStatuses } from '../../batches/records.ts';
import { type ApiDescription, body, follow, ok, parameter, refused } from '../operation.ts';
import { count, text, unixSeconds } from '../response-schemas.ts';
import { batchQuerySchema, newBatchSchema } from './request.ts';

const batchId = parameter('path', 'id', { type: 'string' }, 'The id of a batch, `batch_…`.');

const batchObjectSchema = z.strictObject({
  id: text,
  object: z.literal('batch'),
  endpoint: z.enum(batchEndpoints),
  errors: z
    .strictObject({
      object: z.literal('list'),
      data: z.array(
        z.strictObject({
          code: text,
          message: text,
          line: z.int().nullable().describe('Number of the line of the input, from 1.'),
          param: text.nullable(),
        }),
      ),
    })
    .nullable()
    .describe('Why the batch failed.'),
  input_file_id: text,
  completion_window: z.literal('24h'),
  status: z.enum(batchStatuses),
  output_file_id: text.nullable().describe('The responses. `null` until the batch ends, and if there are none.'),
  error_file_id: text.nullable().describe('Responses with an error, and requests without a response.'),
  created_at: unixSeconds,
  in_progress_at: unixSeconds.nullable(),
  expires_at: unixSeconds,
  finalizing_at: unixSeconds.nullable(),
  completed_at: unixSeconds.nullable(),
  failed_at: unixSeconds.nullable(),
  expired_at: unixSeconds.nullable(),
  cancelling_at: unixSeconds.nullable(),
  cancelled_at: unixSeconds.nullable(),
  request_counts: z.strictObject({ total: count, completed: count, failed: count }),
  metadata: z.record(z.string(), z.string()).nullable(),
});

/** OpenAPI description of the batches. */
export const description: ApiDescription<'createBatch' | 'listBatches' | 'retrieveBatch' | 'cancelBatch'> = {
  operations: {
    createBatch: {
      tags: ['batches'],
      summary: 'Run the requests of a file when copies are free',
      description:
        'Each line of the file is a request: `{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {…}}`.',
      requestBody: body('NewBatch', {
        input_file_id: 'file-123',
        endpoint: '/v1/chat/completions',
        completion_window: '24h',
      }),
      responses: {
        ...ok('Batch', '200', follow(['retrieveBatch', 'cancelBatch'], { id: '$response.body#/id' })),
        ...refused('Error'),
      },
    },
    listBatches: {
      tags: ['batches'],
      summary: 'List the batches of the key, newest first',
      query: batchQuerySchema,
      responses: { ...ok('BatchList'), ...refused('Error') },
    },
    retrieveBatch: {
      tags: ['batches'],
      summary: 'Get one batch',
      parameters: [batchId],
      responses: { ...ok('Batch'), ...refused('Error') },
    },
    cancelBatch: {
      tags: ['batches'],
      summary: 'Cancel a batch',
      description: 'Requests that run are ended. What has a response stays in the output.',
      parameters: [batchId],
      responses: { ...ok('Batch'), ...refused('Error') },
    },
  },
  requestSchemas: { NewBatch: newBatchSchema },
  responseSchemas: {
    Batch: batchObjectSchema,
    BatchList: z.strictObject({
      object: z.literal('list'),
      data: z.array(batchObjectSchema),
      first_id: text.nullable(),
      last_id: text.nullable(),
      has_more: z.boolean(),
    }),
  },
};
