import type { PromptPart, Turn } from '../../forcing/format.ts';
import type { AnswerStructure } from '../../upstream/segment-model.ts';
import type { Tool, ToolCall } from './tool.ts';

/**
 * Opens a tool call. The Qwen family writes tools in the Hermes style: signatures in the system message, calls as JSON between
 * `<tool_call>` tags.
 *
 * Source: `chat_template` in tokenizer_config.json of Qwen/Qwen2.5-32B-Instruct and Qwen/Qwen3-32B.
 */
export const CALL_OPEN = '<tool_call>';
/** Closes a tool call. */
export const CALL_CLOSE = '</tool_call>';

const control = (token: string): PromptPart => ({ control: token, orText: true });

/** The end of the system message, which lists the tools and explains how to call them. */
export function toolsPrompt(tools: readonly Tool[]): readonly PromptPart[] {
  const signatures = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ type: 'function', function: { name, description, parameters } }),
  );
  return [
    {
      text: `\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>\n${signatures.join('\n')}\n</tools>\n\nFor each function call, return a json object with function name and arguments within `,
    },
    control(CALL_OPEN),
    control(CALL_CLOSE),
    { text: ' XML tags:\n' },
    control(CALL_OPEN),
    { text: '\n{"name": <function-name>, "arguments": <args-json-object>}\n' },
    control(CALL_CLOSE),
  ];
}

/** Renders the calls that the assistant made in an earlier turn. */
export function callParts(calls: readonly ToolCall[]): readonly PromptPart[] {
  return calls.flatMap((call, index) => [
    { text: index === 0 ? '' : '\n' },
    control(CALL_OPEN),
    { text: `\n{"name": ${JSON.stringify(call.name)}, "arguments": ${call.arguments}}\n` },
    control(CALL_CLOSE),
  ]);
}

/** Renders the results of tools: one user turn for all answers to the calls of one assistant turn. */
export function answersTurn(answers: readonly string[]): Turn {
  return {
    role: 'user',
    content: answers.flatMap((answer, index) => [
      { text: index === 0 ? '' : '\n' },
      control('<tool_response>'),
      { text: `\n${answer}\n` },
      control('</tool_response>'),
    ]),
  };
}

/** The JSON schema of an answer that must be a call of one of the tools. */
export function callStructure(tools: readonly Tool[]): AnswerStructure {
  const calls = tools.map(({ name, parameters }) => ({
    type: 'object',
    properties: { name: { const: name }, arguments: parameters ?? { type: 'object' } },
    required: ['name', 'arguments'],
    additionalProperties: false,
  }));
  const [only] = calls;
  return { kind: 'json_schema', schema: calls.length === 1 && only !== undefined ? only : { anyOf: calls } };
}
