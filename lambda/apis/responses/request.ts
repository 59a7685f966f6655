import * as z from 'zod';
import { reasoningEfforts } from '../../settings/settings.ts';
import { nativeBudgetFields } from '../budget-fields.ts';
import { jsonSchema } from '../json-schema.ts';
import { outputEndFields } from '../output-end-fields.ts';
import { fileSearchTool, retrievalFields } from '../retrieval-fields.ts';
import { MAX_TOKENS, samplingFields } from '../sampling-fields.ts';
import { votedSamples, voteFields } from '../vote-fields.ts';

const textPart = z.looseObject({ type: z.enum(['input_text', 'output_text', 'text']), text: z.string() });
const content = z.union([z.string(), z.array(textPart)]);
const toolName = z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -');

const id = z.string().max(128).nullish();
const status = z.string().max(32).nullish();

export const inputItemSchema = z.union([
  z.strictObject({
    type: z.literal('message').optional(),
    role: z.enum(['system', 'developer', 'user', 'assistant']),
    content,
    id,
    status,
    phase: z.string().nullish(),
  }),
  z.strictObject({
    type: z.literal('function_call'),
    call_id: z.string().min(1).max(128),
    name: toolName,
    arguments: z.string(),
    id,
    status,
  }),
  z.strictObject({
    type: z.literal('function_call_output'),
    call_id: z.string().min(1).max(128),
    output: content,
    id,
    status,
  }),
  // Thinking may be sent back; it is not passed to the model.
  z.looseObject({ type: z.literal('reasoning') }),
  // Passages are looked up anew for each request.
  z.looseObject({ type: z.literal('file_search_call') }),
]);

export type InputItem = z.infer<typeof inputItemSchema>;

/**
 * The body of `POST /v1/responses`.
 *
 * Source: https://platform.openai.com/docs/api-reference/responses/create
 */
export const responsesRequestSchema = z.strictObject({
  model: z.string().min(1).max(128),
  input: z.union([z.string(), z.array(inputItemSchema).min(1).max(4_096)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  ...nativeBudgetFields,
  ...retrievalFields,
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish(),
      summary: z
        .enum(['auto', 'concise', 'detailed'])
        .nullish()
        .describe('Thinking is sent in full, not as a summary.'),
      max_tokens: z.int().min(0).max(MAX_TOKENS).nullish(),
    })
    .nullish(),
  max_output_tokens: z.int().min(1).max(MAX_TOKENS).nullish().describe('Thinking and answer together.'),
  ...samplingFields,
  ...outputEndFields,
  n: votedSamples,
  ...voteFields,
  text: z
    .strictObject({
      format: z
        .discriminatedUnion('type', [
          z.strictObject({ type: z.literal('text') }),
          z.strictObject({ type: z.literal('json_object') }),
          z.strictObject({
            type: z.literal('json_schema'),
            name: toolName,
            description: z.string().optional(),
            schema: jsonSchema,
            strict: z.boolean().nullish(),
          }),
        ])
        .nullish(),
      verbosity: z.literal('medium').nullish(),
    })
    .nullish(),
  tools: z
    .array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('function'),
          name: toolName,
          description: z.string().nullish(),
          parameters: jsonSchema.nullish(),
          strict: z.boolean().nullish(),
        }),
        fileSearchTool,
      ]),
    )
    .max(128)
    .nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), name: toolName }),
      z.strictObject({ type: z.literal('file_search') }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  truncation: z.literal('disabled').nullish(),
  store: z
    .boolean()
    .nullish()
    .describe('Whether the response is kept, for the deployment’s `retention.responsesDays`.'),
  previous_response_id: z
    .string()
    .max(128)
    .nullish()
    .describe('A stored response of the key, whose conversation this request continues.'),
  include: z.array(z.enum(['reasoning.encrypted_content', 'file_search_call.results'])).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  user: z.string().max(512).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  background: z.boolean().nullish().describe('Whether it runs after the answer to this request. It is stored, too.'),
});
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;
