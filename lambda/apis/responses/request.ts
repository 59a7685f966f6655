import * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import { reasoningEfforts } from '../../settings/settings.ts';
import { nativeBudgetFields } from '../budget-fields.ts';
import type { ChatRequest } from '../chat/request.ts';

const textPart = z.looseObject({ type: z.enum(['input_text', 'output_text', 'text']), text: z.string() });
const content = z.union([z.string(), z.array(textPart)]);
const toolName = z.string().regex(/^[\w-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -');
const jsonSchema = z.record(z.string(), z.unknown());

const id = z.string().max(128).nullish();
const status = z.string().max(32).nullish();

const item = z.union([
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
  /** Thoughts come back as they were sent; the model does not get to see them. */
  z.looseObject({ type: z.literal('reasoning') }),
]);

/**
 * The body of `POST /v1/responses`. Nothing is stored: `store: true` and `previous_response_id` are refused by name.
 *
 * Source: https://platform.openai.com/docs/api-reference/responses/create
 */
export const responsesRequestSchema = z.strictObject({
  model: z.string().min(1).max(128),
  input: z.union([z.string(), z.array(item).min(1).max(4_096)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.strictObject({ include_obfuscation: z.boolean().optional() }).nullish(),
  ...nativeBudgetFields,
  reasoning: z
    .strictObject({
      effort: z.enum(reasoningEfforts).nullish(),
      summary: z
        .enum(['auto', 'concise', 'detailed'])
        .nullish()
        .describe('Thoughts are sent whole, never as a summary.'),
      max_tokens: z.int().min(0).nullish(),
    })
    .nullish(),
  max_output_tokens: z.int().min(1).nullish().describe('Thinking and answer together.'),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
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
      z.strictObject({
        type: z.literal('function'),
        name: toolName,
        description: z.string().nullish(),
        parameters: jsonSchema.nullish(),
        strict: z.boolean().nullish(),
      }),
    )
    .max(128)
    .nullish(),
  tool_choice: z
    .union([z.enum(['none', 'auto', 'required']), z.strictObject({ type: z.literal('function'), name: toolName })])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  truncation: z.literal('disabled').nullish(),
  store: z.literal(false).nullish(),
  previous_response_id: z
    .unknown()
    .refine((id) => id == null, 'nothing is stored here. Send the whole conversation as input.')
    .optional(),
  include: z.array(z.enum(['reasoning.encrypted_content'])).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
  user: z.string().max(512).nullish(),
  safety_identifier: z.string().max(512).nullish(),
  prompt_cache_key: z.string().max(512).nullish(),
  service_tier: z.enum(['auto', 'default']).nullish(),
  background: z.literal(false).nullish(),
});
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;

/** A request of the Responses dialect in the words of chat. */
export function responsesToChat(request: ResponsesRequest): ChatRequest {
  const { tool_choice: choice } = request;
  const format = request.text?.format;
  return {
    model: request.model,
    messages: messagesOf(request),
    ...(request.thinking === undefined ? {} : { thinking: request.thinking }),
    ...(request.reasoning == null
      ? {}
      : { reasoning: { effort: request.reasoning.effort, max_tokens: request.reasoning.max_tokens } }),
    max_completion_tokens: request.max_output_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    response_format:
      format?.type === 'json_schema'
        ? { type: 'json_schema', json_schema: { name: format.name, schema: format.schema } }
        : format,
    tools: request.tools?.map(({ name, description, parameters }) => ({
      type: 'function',
      function: {
        name,
        ...(description == null ? {} : { description }),
        ...(parameters == null ? {} : { parameters }),
      },
    })),
    tool_choice:
      typeof choice === 'object' && choice !== null ? { type: 'function', function: { name: choice.name } } : choice,
  };
}

function messagesOf({ input, instructions }: ResponsesRequest): ChatRequest['messages'] {
  const messages: ChatRequest['messages'] = instructions == null ? [] : [{ role: 'system', content: instructions }];
  const items = typeof input === 'string' ? [{ role: 'user' as const, content: input }] : input;
  for (const entry of items) {
    if (entry.type === 'reasoning') continue;
    if ('role' in entry) {
      messages.push({ role: entry.role, content: textOf(entry.content) } as ChatRequest['messages'][number]);
    } else if (entry.type === 'function_call') {
      const call = {
        id: entry.call_id,
        type: 'function' as const,
        function: { name: entry.name, arguments: entry.arguments },
      };
      const last = messages.at(-1);
      // Calls of one turn, and the text before them, are one message.
      if (last?.role === 'assistant') last.tool_calls = [...(last.tool_calls ?? []), call];
      else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
    } else if (entry.type === 'function_call_output') {
      messages.push({ role: 'tool', tool_call_id: entry.call_id, content: textOf(entry.output) });
    }
  }
  if (messages.length === 0) throw invalidRequest('input', 'input has no message. Give at least one.');
  return messages;
}

function textOf(given: z.infer<typeof content>): string {
  return typeof given === 'string' ? given : given.map((part) => part.text).join('');
}
