import { invalidRequest } from '../errors/api-error.ts';
import type { OutputPrefix } from '../forcing/format.ts';
import type { ChatRequest } from './chat/request.ts';

type Message = ChatRequest['messages'][number];

/**
 * Returns the thought that `continue_final_message` continues: the thinking of the last message. Empty if it has none, or if the
 * request does not continue it.
 *
 * @throws {ApiError} 400 if the request continues its last message and has no such message, or a field that contradicts it
 */
export function continuedThought(request: ChatRequest): NonNullable<OutputPrefix['thinking']> {
  const { add_generation_prompt: opens, continue_final_message: continues, messages, tools } = request;
  if (continues !== true) {
    if (opens === false) {
      throw refused(
        'add_generation_prompt',
        'add_generation_prompt false needs continue_final_message: true, since the model writes nothing but messages of the assistant. Give both or neither.',
      );
    }
    return '';
  }
  if (opens === true) {
    throw refused(
      'add_generation_prompt',
      'add_generation_prompt begins a new message, and continue_final_message continues the last one. Give one of them.',
    );
  }
  const last = messages.at(-1);
  if (last?.role !== 'assistant') {
    throw refused(
      'continue_final_message',
      `continue_final_message continues a message of the assistant, but the last one is of the role ${last?.role}. End messages with the message to continue.`,
    );
  }
  if (last.tool_calls !== undefined) {
    throw refused(
      'continue_final_message',
      'continue_final_message continues text, but the last message has tool_calls, after which the answer is over. Omit the calls, or give their results.',
    );
  }
  const thought = thoughtOf(last);
  const answers = last.content != null && last.content.length > 0;
  if (thought === '' && !answers) {
    throw refused(
      'continue_final_message',
      'continue_final_message is true, but the last message has neither reasoning_content nor content. Give the beginning to continue.',
    );
  }
  if (answers && tools != null && tools.length > 0 && request.tool_choice !== 'none') {
    throw refused(
      'tools',
      'tools are read from the first character of the answer on, but continue_final_message gives its beginning, which may have begun a call. Omit tools, or give only the beginning of the thinking (reasoning_content).',
    );
  }
  return thought;
}

function thoughtOf(message: Extract<Message, { readonly role: 'assistant' }>): string {
  const { reasoning, reasoning_content: own } = message;
  if (own != null && reasoning != null && own !== reasoning) {
    throw refused(
      'messages',
      'The last message has reasoning and reasoning_content, and they differ. Give only reasoning_content.',
    );
  }
  return own ?? reasoning ?? '';
}

function refused(field: string, message: string) {
  return invalidRequest(field, message);
}
