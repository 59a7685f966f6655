import * as z from 'zod';
import { type ApiDescription, ok, refused } from '../../apis/operation.ts';
import { count, listOf, text } from '../../apis/response-schemas.ts';
import { usageQuerySchema } from './query.ts';

const usageRowSchema = z.strictObject({
  key: text.optional(),
  model: text.optional(),
  day: text.optional(),
  requests: count,
  running: count,
  lost: count.describe('Requests whose function died; their reservation was counted.'),
  prompt_tokens: count,
  cached_tokens: count,
  thinking_tokens: count,
  answer_tokens: count,
  forced_tokens: count,
  dollars: z.number(),
});

/** Usage in the OpenAPI document. */
export const description: ApiDescription<'getUsage'> = {
  operations: {
    getUsage: {
      tags: ['usage'],
      summary: 'Requests, tokens and dollars by key, model and day',
      description: 'One’s own; with an admin key everybody’s.',
      query: usageQuerySchema,
      responses: { ...ok('Usage'), ...refused('Error') },
    },
  },
  responseSchemas: { Usage: listOf(usageRowSchema).extend({ from: z.string(), to: z.string() }) },
};
