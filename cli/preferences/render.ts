import type { Format, PromptPart, Turn } from '../../lambda/forcing/format.ts';
import type { Stored } from './collect.ts';

/**
 * The conversation as a text in the model's own format, up to the opened thinking. Exact if no text has a control string, which the
 * export leaves out.
 */
export function promptText(format: Format, messages: Stored['messages']): string {
  const turns = messages.map(
    ({ role, content, thinking, tool_calls: calls, tool_call_id: callId }): Turn => ({
      role,
      content: [{ text: content }],
      ...(thinking === undefined ? {} : { thinking }),
      ...(calls === undefined ? {} : { calls }),
      ...(callId === undefined ? {} : { callId }),
    }),
  );
  return textOf([...format.renderTurns(turns), ...format.openThinking]);
}

/** A thought and an answer as the model writes them after the opened thinking, with the token that ends the answer. As `encodePrefix` in lambda/formats. */
export function completionText(format: Format, thinking: string, answer: string): string {
  const thought = withStart(thinking, format.thinkingStart);
  const newline = format.newlineBeforeCut === false || thought.endsWith('\n') ? '' : '\n';
  const [end = ''] = format.answerEnds;
  return thought + newline + textOf(format.openAnswer) + withStart(answer, format.answerStart) + end;
}

function withStart(text: string, start = ''): string {
  return text.startsWith('\n') ? text : start + text;
}

function textOf(parts: readonly PromptPart[]): string {
  return parts.map((part) => ('text' in part ? part.text : part.control)).join('');
}
