import * as z from 'zod';
import { budgetForcingSchema, count, text } from '../response-schemas.ts';

const usage = z.strictObject({
  input_tokens: count.describe('Prompt tokens that were not cached.'),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  cache_creation: z.null(),
  output_tokens: count.describe('Thinking and answer together.'),
  output_tokens_details: z.strictObject({ thinking_tokens: count }),
  server_tool_use: z.null(),
  service_tier: z.null(),
  inference_geo: z.null(),
});

export const messageSchema = z.strictObject({
  id: text,
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: text,
  content: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('thinking'), thinking: text, signature: z.literal('') }),
      z.strictObject({
        type: z.literal('text'),
        text,
        citations: z
          .array(
            z.strictObject({
              type: z.literal('search_result_location'),
              cited_text: text,
              title: text,
              source: text.describe('Id of the file.'),
              search_result_index: count.describe('Number of the passage in the prompt, from 0.'),
              start_block_index: count,
              end_block_index: count,
            }),
          )
          .nullable()
          .describe('The passages that the sentence cites by their numbers. `null` if it cites none.'),
      }),
      z.strictObject({
        ...{ type: z.literal('tool_use'), id: text, name: text, input: z.unknown() },
        caller: z.strictObject({ type: z.literal('direct') }),
      }),
    ]),
  ),
  stop_reason: z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use']).nullable(),
  stop_sequence: text.nullable(),
  stop_details: z.null(),
  container: z.null(),
  usage,
  budget_forcing: budgetForcingSchema.optional(),
});

export const messageEventSchema = z
  .looseObject({
    type: z.enum([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
      'error',
    ]),
    message: messageSchema.optional(),
    index: count.optional(),
    usage: usage.optional(),
    budget_forcing: budgetForcingSchema.optional(),
  })
  .describe('The data of each event, in Anthropic’s order.');

export const tokenCountSchema = z.strictObject({ input_tokens: count });

export const messagesErrorSchema = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({ type: text, message: text }),
  request_id: text,
});
