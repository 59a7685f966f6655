import * as z from 'zod';
import { type ApiDescription, ok, refused } from '../../apis/operation.ts';
import { count, listOf, text } from '../../apis/response-schemas.ts';
import { works } from '../../keys/ledger.ts';
import { usageQuerySchema } from './query.ts';

const usageRowSchema = z.strictObject({
  key: text.optional(),
  model: text.optional(),
  day: text.optional(),
  work: z.enum(works).optional().describe('Who waited: a client, or nobody in the background or in a batch.'),
  requests: count,
  running: count,
  lost: count.describe('Requests that never ended, because their function died. Their reservation is counted.'),
  prompt_tokens: count,
  cached_tokens: count,
  thinking_tokens: count,
  answer_tokens: count,
  forced_tokens: count,
  probe_tokens: count,
  aborted_tokens: count.describe('Tokens of answers that were not completed: the client left, or the request failed.'),
  retrieved_tokens: count.describe('Tokens of passages that were looked up. They are in `prompt_tokens`, too.'),
  searches: count.describe('Searches for passages.'),
  dollars: z.number(),
});

/** OpenAPI description of usage. */
export const description: ApiDescription<'getUsage'> = {
  operations: {
    getUsage: {
      tags: ['usage'],
      summary: 'Sum requests, tokens and dollars by key, model and day',
      description: 'Usage of the caller’s own key. With an admin key, usage of all keys.',
      query: usageQuerySchema,
      responses: { ...ok('Usage'), ...refused('Error') },
    },
  },
  responseSchemas: { Usage: listOf(usageRowSchema).extend({ from: z.string(), to: z.string() }) },
};
