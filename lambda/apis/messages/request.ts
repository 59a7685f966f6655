import * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import { nativeBudgetFields } from '../budget-fields.ts';
import type { ChatRequest } from '../chat/request.ts';

const cacheControl = z.looseObject({ type: z.literal('ephemeral') }).nullish();
const textBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  cache_control: cacheControl,
  citations: z.null().optional(),
});

/** Blocks of an earlier answer. Thoughts come back as they were sent; the model does not get to see them. */
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
    name: z.string().min(1).max(64),
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
  input_schema: z.record(z.string(), z.unknown()),
  type: z.literal('custom').nullish(),
  cache_control: cacheControl,
});

const counted = {
  model: z.string().min(1).max(128),
  messages: z.array(message).min(1).max(2_048),
  system: z.union([z.string(), z.array(textBlock)]).optional(),
  thinking: nativeBudgetFields.thinking,
  tools: z.array(tool).max(128).optional(),
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
  max_tokens: z.int().min(1).describe('Thinking and answer together.'),
  stream: z.boolean().optional(),
  stop_sequences: z.array(z.string().min(1).max(256)).max(4).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  metadata: z.strictObject({ user_id: z.string().max(256).nullish() }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
});
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

/** The body of `POST /v1/messages/count_tokens`. */
export const countTokensSchema = z.strictObject(counted);

/** A request of Anthropic's dialect in the words of chat. */
export function messagesToChat(request: z.infer<typeof countTokensSchema> & Partial<MessagesRequest>): ChatRequest {
  const { system, tool_choice: choice } = request;
  const tools = request.tools?.map(({ name, description, input_schema: parameters }) => ({
    type: 'function' as const,
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  }));
  return {
    model: request.model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: textOf(system) }]),
      ...request.messages.flatMap(toChatMessages),
    ],
    ...(request.thinking === undefined ? {} : { thinking: request.thinking }),
    max_tokens: request.max_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    // 0 is "all" there, -1 here.
    top_k: request.top_k === 0 ? -1 : request.top_k,
    stop: request.stop_sequences,
    tools,
    tool_choice:
      choice === undefined
        ? undefined
        : choice.type === 'tool'
          ? { type: 'function', function: { name: choice.name } }
          : choice.type === 'any'
            ? 'required'
            : choice.type,
  };
}

function toChatMessages(message: MessagesRequest['messages'][number], index: number): ChatRequest['messages'] {
  if (typeof message.content === 'string') return [{ role: message.role, content: message.content }];
  if (message.role === 'assistant') {
    const calls = message.content.filter((block) => block.type === 'tool_use');
    const texts = message.content.filter((block) => block.type === 'text');
    return [
      {
        role: 'assistant',
        content: textOf(texts),
        ...(calls.length === 0
          ? {}
          : {
              tool_calls: calls.map(({ id, name, input }) => ({
                id,
                type: 'function',
                function: { name, arguments: JSON.stringify(input) },
              })),
            }),
      },
    ];
  }
  const results = message.content.filter((block) => block.type === 'tool_result');
  const texts = message.content.filter((block) => block.type === 'text');
  if (message.content.findLastIndex((block) => block.type === 'tool_result') >= results.length) {
    throw invalidRequest(
      `messages[${index}].content`,
      `messages[${index}].content has text before a tool_result. Put the results of tools first.`,
    );
  }
  return [
    ...results.map((result) => ({
      role: 'tool' as const,
      tool_call_id: result.tool_use_id,
      content: `${result.is_error === true ? 'Error: ' : ''}${textOf(result.content ?? '')}`,
    })),
    ...(texts.length === 0 ? [] : [{ role: 'user' as const, content: textOf(texts) }]),
  ];
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n\n');
}
