import * as z from 'zod';
import { routeSchema } from '../../settings/routes.ts';
import { type ApiDescription, follow, ok, parameter, refused } from '../operation.ts';
import { count, listOf, text, unixSeconds } from '../response-schemas.ts';

const modelSchema = z.strictObject({
  id: text,
  alias_of: text.optional().describe('The id of the model or route, if this is an alias.'),
  object: z.literal('model'),
  created: unixSeconds,
  owned_by: text,
  route: routeSchema
    .pick({ models: true, escalate: true, pass_thought: true })
    .optional()
    .describe('The models that may answer, and when the next one is asked. Its price is that of the models that run.'),
  context_window: count.describe('Prompt, thinking and answer together, in tokens.'),
  price: z
    .strictObject({ prompt: z.number(), completion: z.number() })
    .nullable()
    .describe('In dollars per million tokens.'),
  scales_by_load: z.boolean().describe('Whether `GET /v1/load` has the load of the model.'),
  budget_forcing: z.strictObject({
    format: text.describe('How the model family delimits thinking.'),
    default_max_tokens: count,
    max_tokens: count.describe('Highest maximum of thinking tokens that a request may set.'),
    max_waits: count.describe('Highest number of Waits that a request may set.'),
    default_max_answer_tokens: count,
    efforts: z.record(text, count).describe('Maximum of each `reasoning_effort`, in thinking tokens.'),
    soft_landing: z.number().nullable(),
    detect_loops: z.boolean(),
  }),
});

/** OpenAPI description of the models. */
export const description: ApiDescription<'listModels' | 'getModel'> = {
  operations: {
    listModels: {
      tags: ['models'],
      summary: 'List the models that the key may use',
      responses: {
        ...ok('ModelList', '200', follow(['getModel'], { id: '$response.body#/data/0/id' })),
        ...refused('Error'),
      },
    },
    getModel: {
      tags: ['models'],
      summary: 'Get one model',
      parameters: [parameter('path', 'id', { type: 'string' }, 'The value of a request’s `model`.')],
      responses: { ...ok('Model'), ...refused('Error') },
    },
  },
  responseSchemas: { Model: modelSchema, ModelList: listOf(modelSchema) },
};
