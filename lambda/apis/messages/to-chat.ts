import type * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import type { ChatRequest } from '../chat/request.ts';
import { refuseThinkingLogprobs } from '../thinking-options.ts';
import { refuseSeveralAnswers } from '../vote-of.ts';
import type { RawInputs } from './raw-inputs.ts';
import type { countTokensSchema, MessagesRequest } from './request.ts';

/**
 * Converts a request of Anthropic's dialect to a chat request.
 *
 * @param rawInputs the inputs of earlier calls as the client wrote them
 */
export function messagesToChat(
  request: z.infer<typeof countTokensSchema> & Partial<MessagesRequest>,
  rawInputs: RawInputs = () => undefined,
): ChatRequest {
  const { system, tool_choice: choice, output_config: output } = request;
  refuseThinkingLogprobs(request.thinking);
  refuseSeveralAnswers(request);
  const format = output?.format ?? request.output_format;
  const tools = request.tools?.map(({ name, description, input_schema: parameters }) => ({
    type: 'function' as const,
    function: { name, ...(description === undefined ? {} : { description }), parameters },
  }));
  return {
    model: request.model,
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: textOf(system) }]),
      ...request.messages.flatMap((message, index) => toChatMessages(message, index, rawInputs)),
    ],
    // Without `thinking`, clients of this dialect expect no thinking block. The model thinks all the same.
    ...(request.thinking === undefined ? { include_reasoning: false } : { thinking: request.thinking }),
    ...(output?.effort === undefined ? {} : { output_config: { effort: output.effort } }),
    ...(format === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: format.schema } } }),
    ...(request.retrieval === undefined ? {} : { retrieval: request.retrieval }),
    max_tokens: request.max_tokens,
    temperature: request.temperature,
    top_p: request.top_p,
    // "All tokens" is 0 in Anthropic's dialect, -1 in chat.
    top_k: request.top_k === 0 ? -1 : request.top_k,
    stop: request.stop_sequences,
    n: request.n,
    vote: request.vote,
    vote_until: request.vote_until,
    vote_weights: request.vote_weights,
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

function toChatMessages(
  message: MessagesRequest['messages'][number],
  index: number,
  rawInputs: RawInputs,
): ChatRequest['messages'] {
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
                function: { name, arguments: rawInputs(id) ?? JSON.stringify(input) },
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
      `messages[${index}].content has text before a tool_result. Put tool results first.`,
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
