import * as z from 'zod';
import { budgetForcingSchema, count, text, unixSeconds, waitingSchema } from '../response-schemas.ts';

const partOfText = z.strictObject({
  type: z.enum(['output_text', 'reasoning_text']),
  text,
  annotations: z
    .array(z.strictObject({ type: z.literal('file_citation'), index: count, file_id: text, filename: text }))
    .optional()
    .describe('A citation for each number in brackets that a passage has. `index`: its place in the text.'),
  logprobs: z.array(z.unknown()).optional(),
});
const itemStatus = z.enum(['in_progress', 'completed', 'incomplete', 'failed']);
const outputItem = z.discriminatedUnion('type', [
  z.strictObject({
    id: text,
    type: z.literal('reasoning'),
    status: itemStatus,
    summary: z.array(z.unknown()).max(0),
    content: z.array(partOfText),
  }),
  z.strictObject({
    id: text,
    type: z.literal('message'),
    status: itemStatus,
    role: z.literal('assistant'),
    content: z.array(partOfText),
  }),
  z.strictObject({
    id: text,
    type: z.literal('function_call'),
    status: itemStatus,
    call_id: text,
    name: text,
    arguments: text,
  }),
  z.strictObject({
    id: text,
    type: z.literal('file_search_call'),
    status: itemStatus,
    queries: z.array(text),
    results: z
      .array(
        z.strictObject({
          file_id: text,
          filename: text,
          score: z.number(),
          text,
          attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        }),
      )
      .nullable()
      .describe('The passages that the model read, if `include` has `file_search_call.results`.'),
  }),
]);

export const responseSchema = z.looseObject({
  id: text,
  object: z.literal('response'),
  created_at: unixSeconds,
  completed_at: unixSeconds.nullable(),
  status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
  background: z.boolean(),
  error: z.strictObject({ code: text, message: text }).nullable(),
  incomplete_details: z.strictObject({ reason: z.literal('max_output_tokens') }).nullable(),
  model: text,
  output: z.array(outputItem),
  previous_response_id: text.nullable(),
  store: z.boolean(),
  waiting: waitingSchema.optional(),
  usage: z
    .strictObject({
      input_tokens: count,
      input_tokens_details: z.strictObject({ cached_tokens: count }),
      output_tokens: count,
      output_tokens_details: z.strictObject({ reasoning_tokens: count }),
      total_tokens: count,
    })
    .nullable(),
  budget_forcing: budgetForcingSchema.optional(),
});

export const responseEventSchema = z
  .looseObject({
    type: z.enum([
      'response.created',
      'response.queued',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.reasoning_text.delta',
      'response.reasoning_text.done',
      'response.output_text.delta',
      'response.output_text.done',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_text.annotation.added',
      'response.file_search_call.in_progress',
      'response.file_search_call.searching',
      'response.file_search_call.completed',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
      'response.incomplete',
      'response.failed',
      'response.cancelled',
    ]),
    sequence_number: count,
    response: responseSchema.optional(),
    item: outputItem.optional(),
    delta: text.optional(),
    forced: z.literal(true).optional().describe('Set if this text was forced, not sampled.'),
  })
  .describe('The data of each event, in OpenAI’s order.');

export const deletedResponseSchema = z.strictObject({
  id: text,
  object: z.literal('response'),
  deleted: z.literal(true),
});

export const inputItemListSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(z.looseObject({ id: text, type: text })),
  first_id: text.nullable(),
  last_id: text.nullable(),
  has_more: z.boolean(),
});
