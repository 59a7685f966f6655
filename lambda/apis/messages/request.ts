import * as z from 'zod';
import { reasoningEfforts } from '../../settings/settings.ts';
import { MAX_SHORT_TEXT, MAX_STOPS, nativeBudgetFields } from '../budget-fields.ts';
import { jsonSchema } from '../json-schema.ts';
import { retrievalFields } from '../retrieval-fields.ts';
import { MAX_TOKENS, topK } from '../sampling-fields.ts';
import { votedSamples, voteFields } from '../vote-fields.ts';

const cacheControl = z.looseObject({ type: z.literal('ephemeral') }).nullish();
const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  cache_control: cacheControl,
  citations: z.array(z.looseObject({ type: z.string() })).nullish(),
});

/** Blocks of an earlier answer. Thinking may be sent back; it is not passed to the model. */
const assistantBlock = z.discriminatedUnion('type', [
  textBlock,
  z.strictObject({
    type: z.literal('thinking'),
    thinking: z.string(),
    signature: z.string().optional(),
    cache_control: cacheControl,
  }),
  z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() }),
  z.strictObject({
    type: z.literal('tool_use'),
    id: z.string().min(1).max(128),
    name: z.string().min(1).max(256),
    input: z.record(z.string(), z.unknown()),
    cache_control: cacheControl,
  }),
]);

const userBlock = z.discriminatedUnion('type', [
  textBlock,
  z.strictObject({
    type: z.literal('tool_result'),
    tool_use_id: z.string().min(1).max(128),
    content: z.union([z.string(), z.array(textBlock)]).optional(),
    is_error: z.boolean().optional(),
    cache_control: cacheControl,
  }),
]);

const message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('user'), content: z.union([z.string(), z.array(userBlock).min(1)]) }),
  z.strictObject({ role: z.literal('assistant'), content: z.union([z.string(), z.array(assistantBlock).min(1)]) }),
]);

const tool = z.strictObject({
  name: z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -'),
  description: z.string().optional(),
  input_schema: jsonSchema,
  type: z.literal('custom').nullish(),
  cache_control: cacheControl,
});

const jsonFormat = z
  .strictObject({ type: z.literal('json_schema'), schema: jsonSchema })
  .describe('Constrains the answer to a JSON schema. Thinking is not constrained.');

const counted = {
  model: z.string().min(1).max(128),
  messages: z.array(message).min(1).max(2_048),
  system: z.union([z.string(), z.array(textBlock)]).optional(),
  thinking: nativeBudgetFields.thinking.describe(
    'Thinking budget of this request. If omitted, the default applies and no thinking block is sent.',
  ),
  output_config: z
    .strictObject({ effort: z.enum(reasoningEfforts).optional(), format: jsonFormat.optional() })
    .optional(),
  output_format: jsonFormat.optional().describe('The older name for `output_config.format`.'),
  tools: z.array(tool).max(128).optional(),
  ...retrievalFields,
  tool_choice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({ type: z.literal('any'), disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({
        type: z.literal('tool'),
        name: z.string().min(1).max(64),
        disable_parallel_tool_use: z.boolean().optional(),
      }),
      z.strictObject({ type: z.literal('none') }),
    ])
    .optional(),
} as const;

/**
 * The body of `POST /v1/messages`.
 *
 * Source: https://docs.anthropic.com/en/api/messages
 */
export const messagesRequestSchema = z.strictObject({
  ...counted,
  max_tokens: z.int().min(1).max(MAX_TOKENS).describe('Thinking and answer together.'),
  stream: z.boolean().optional(),
  stop_sequences: z.array(z.string().min(1).max(MAX_SHORT_TEXT)).max(MAX_STOPS).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: topK.min(0).optional(),
  n: votedSamples,
  ...voteFields,
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
});
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

/** The body of `POST /v1/messages/count_tokens`. */
export const countTokensSchema = z.strictObject(counted);
