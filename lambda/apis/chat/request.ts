import * as z from 'zod';
import { budgetFields } from '../budget-fields.ts';
import { jsonSchema } from '../json-schema.ts';
import { outputEndFields } from '../output-end-fields.ts';
import { retrievalFields } from '../retrieval-fields.ts';
import { MAX_TOKENS, samplingFields } from '../sampling-fields.ts';
import { MAX_SAMPLES, voteFields } from '../vote-fields.ts';

const textPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const content = z.union([z.string(), z.array(textPart).min(1)]);

/** A name that all clients and servers accept. */
const toolName = z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -');

const functionTool = z.strictObject({
  type: z.literal('function'),
  function: z.strictObject({
    name: toolName,
    description: z.string().optional(),
    parameters: jsonSchema.optional(),
    strict: z.boolean().nullish(),
  }),
});

const toolCall = z.strictObject({
  id: z.string().min(1).max(128),
  type: z.literal('function'),
  function: z.strictObject({ name: z.string().min(1).max(256), arguments: z.string() }),
});

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content, name: z.string().optional() }),
  z.strictObject({ role: z.literal('developer'), content, name: z.string().optional() }),
  z.strictObject({ role: z.literal('user'), content, name: z.string().optional() }),
  z.strictObject({
    role: z.literal('assistant'),
    content: content.nullish(),
    name: z.string().optional(),
    refusal: z.null().optional(),
    tool_calls: z.array(toolCall).min(1).max(128).optional(),
    reasoning_content: z
      .string()
      .nullish()
      .describe(
        'Thinking of earlier turns may be sent back. The model gets it if its family’s template keeps it, for instance between calls of tools, or if `continue_final_message` continues it.',
      ),
    reasoning: z.string().nullish(),
  }),
  z.strictObject({ role: z.literal('tool'), content, tool_call_id: z.string().min(1).max(128) }),
]);

/** The body of `POST /v1/chat/completions`. An unsupported field is an error that names it. */
export const chatRequestSchema = z.strictObject({
  model: z.string().min(1).max(128),
  messages: z.array(message).min(1).max(2_048),
  continue_final_message: z
    .boolean()
    .nullish()
    .describe(
      'vLLM: whether the response continues the last message, which is of the assistant: its `reasoning_content` (needs a key with `raw_prompts`), or its `content`.',
    ),
  add_generation_prompt: z
    .boolean()
    .nullish()
    .describe('vLLM: `true` is the default; `false` requires `continue_final_message`.'),
  stream: z.boolean().nullish(),
  stream_options: z
    .strictObject({
      include_usage: z.boolean().nullish(),
      include_obfuscation: z.boolean().nullish(),
      continuous_usage_stats: z
        .boolean()
        .nullish()
        .describe('vLLM: with `include_usage`, every chunk has the usage so far.'),
    })
    .nullish(),
  ...budgetFields,
  ...retrievalFields,
  max_completion_tokens: z.int().min(1).max(MAX_TOKENS).nullish().describe('Thinking and answer together.'),
  max_tokens: z.int().min(1).max(MAX_TOKENS).nullish().describe('The older name for `max_completion_tokens`.'),
  ...samplingFields,
  ...outputEndFields,
  n: z.int().min(1).max(MAX_SAMPLES).nullish().describe('Number of samples, each with its own budget.'),
  ...voteFields,
  logprobs: z
    .boolean()
    .nullish()
    .describe('Whether to return the log probabilities of the answer’s tokens, if the model server provides them.'),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('text') }),
      z.strictObject({ type: z.literal('json_object') }),
      z.strictObject({
        type: z.literal('json_schema'),
        json_schema: z.strictObject({
          name: toolName,
          description: z.string().optional(),
          schema: jsonSchema,
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .nullish()
    .describe('Constrains the answer to JSON or to a JSON schema. Thinking is not constrained.'),
  tools: z.array(functionTool).max(128).nullish(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: toolName }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  user: z.string().max(512).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  store: z.literal(false).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  modalities: z.tuple([z.literal('text')]).nullish(),
  verbosity: z.literal('medium').nullish(),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;
