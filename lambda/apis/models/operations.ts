import * as z from 'zod';
import { type ApiDescription, ok, parameter, refused } from '../operation.ts';
import { count, listOf, text, unixSeconds } from '../response-schemas.ts';

const modelSchema = z.strictObject({
  id: text,
  object: z.literal('model'),
  created: unixSeconds,
  owned_by: text,
  context_window: count.describe('Prompt, thinking and answer together. Tokens.'),
  price: z
    .strictObject({ prompt: z.number(), completion: z.number() })
    .nullable()
    .describe('Dollars for a million tokens.'),
  budget_forcing: z.strictObject({
    format: text.describe('How the family writes its thinking.'),
    default_max_tokens: count,
    max_tokens: count.describe('The most thinking that a request may ask for.'),
    default_max_answer_tokens: count,
    efforts: z.record(text, count).describe('What each `reasoning_effort` means. Thinking tokens.'),
    soft_landing: z.number().nullable(),
    detect_loops: z.boolean(),
  }),
});

/** The models in the OpenAPI document. */
export const description: ApiDescription<'listModels' | 'getModel'> = {
  operations: {
    listModels: {
      tags: ['models'],
      summary: 'The models that this key may use',
      responses: { ...ok('ModelList'), ...refused('Error') },
    },
    getModel: {
      tags: ['models'],
      summary: 'One model',
      parameters: [parameter('path', 'id', { type: 'string' }, 'The name that a client writes in `model`.')],
      responses: { ...ok('Model'), ...refused('Error') },
    },
  },
  responseSchemas: { Model: modelSchema, ModelList: listOf(modelSchema) },
};
