import { z } from 'zod';
import { BadRequestError, type CompletionBody, parseCompletionBody } from './completion-body.ts';

const text = z.union([z.string(), z.array(z.object({ type: z.literal('text'), text: z.string() }))]);

/**
 * The fields of vLLM's chat completion that differ from a text completion. As with vLLM, other fields are those of a text completion,
 * and unknown ones have no effect.
 *
 * Source: `ChatCompletionRequest` in vLLM's `vllm/entrypoints/openai/protocol.py`.
 */
const chatSchema = z.looseObject({
  messages: z
    .array(z.object({ role: z.enum(['system', 'developer', 'user', 'assistant']), content: text.nullish() }))
    .min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  n: z.int().nullish(),
  tools: z.array(z.unknown()).nullish(),
  response_format: z.object({ type: z.string() }).nullish(),
  add_generation_prompt: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
});

/** Fields of a text completion that a chat completion has as well. */
const shared = [
  'model',
  'stream',
  'stream_options',
  'min_tokens',
  'stop',
  'stop_token_ids',
  'ignore_eos',
  'include_stop_str_in_output',
  'skip_special_tokens',
  'return_token_ids',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'repetition_penalty',
  'frequency_penalty',
  'presence_penalty',
  'seed',
  'structured_outputs',
] as const;

/** Whether a body of `/invocations` is one of a chat completion: vLLM tells the two by their fields. */
export function isChatBody(body: string): boolean {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null && Object.hasOwn(parsed, 'messages');
  } catch {
    return false;
  }
}

/**
 * Converts a chat completion to a text completion of its conversation in ChatML.
 *
 * @param roomFor tokens that the context window leaves after this prompt, vLLM's default of `max_tokens`
 * @throws {BadRequestError} if the body is invalid, or asks for what the embedded endpoint does not have
 */
export function parseChatBody(body: string, roomFor: (prompt: string) => number): CompletionBody {
  let input: unknown;
  try {
    input = JSON.parse(body);
  } catch {
    throw new BadRequestError('The body is not valid JSON.');
  }
  const parsed = chatSchema.safeParse(input);
  if (!parsed.success) throw new BadRequestError(z.prettifyError(parsed.error));
  const chat = parsed.data;
  checkServed(chat);
  const prompt = promptOf(chat);
  const kept = shared.flatMap((field) => (chat[field] == null ? [] : [[field, chat[field]] as const]));
  return parseCompletionBody(
    JSON.stringify({
      ...Object.fromEntries(kept),
      prompt,
      max_tokens: chat.max_completion_tokens ?? chat.max_tokens ?? Math.max(1, roomFor(prompt)),
      ...(chat.logprobs === true ? { logprobs: chat.top_logprobs ?? 0 } : {}),
    }),
  );
}

type Chat = z.infer<typeof chatSchema>;

function checkServed({ n, tools, response_format: format, ...chat }: Chat): void {
  if ((n ?? 1) !== 1) throw notServed(`n (${n})`, 'Send one request for each answer');
  if (tools != null && tools.length > 0) throw notServed('tools', 'Omit them');
  if (format != null && format.type !== 'text') throw notServed('response_format', 'Use structured_outputs');
  if (chat.continue_final_message === true && chat.add_generation_prompt === true) {
    throw new BadRequestError('Cannot set both `continue_final_message` and `add_generation_prompt` to True.');
  }
}

function notServed(what: string, instead: string): BadRequestError {
  return new BadRequestError(
    `The embedded endpoint does not serve ${what} in chat. ${instead}, or use the API in front of it (/v1/chat/completions).`,
  );
}

/** The conversation in ChatML. As with vLLM, control strings in messages are control tokens here; the API in front escapes them. */
function promptOf({ messages, add_generation_prompt: opens, continue_final_message: continues }: Chat): string {
  const turns = messages.map(({ role, content }, index) => {
    const spoken = typeof content === 'string' ? content : (content ?? []).map((part) => part.text).join('');
    const open = continues === true && index === messages.length - 1;
    return `<|im_start|>${role === 'developer' ? 'system' : role}\n${spoken}${open ? '' : '<|im_end|>\n'}`;
  });
  return `${turns.join('')}${continues === true || opens === false ? '' : '<|im_start|>assistant\n'}`;
}
