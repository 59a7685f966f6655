import type { PromptPart, Tool, ToolCall, Turn } from '../../forcing/format.ts';
import type { AnswerStructure } from '../../upstream/segment-model.ts';
import { hasText, inRuns } from '../turn-parts.ts';

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
function toolsPrompt(tools: readonly Tool[]): readonly PromptPart[] {
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
function callParts(calls: readonly ToolCall[]): readonly PromptPart[] {
  return calls.flatMap((call, index) => [
    { text: index === 0 ? '' : '\n' },
    control(CALL_OPEN),
    { text: `\n{"name": ${JSON.stringify(call.name)}, "arguments": ${call.arguments}}\n` },
    control(CALL_CLOSE),
  ]);
}

/** Renders the results of tools: one user turn for all answers to the calls of one assistant turn. */
function resultsTurn(results: readonly Turn[]): Turn {
  return {
    role: 'user',
    content: results.flatMap(({ content }, index) => [
      { text: index === 0 ? '' : '\n' },
      control('<tool_response>'),
      { text: '\n' },
      ...content,
      { text: '\n' },
      control('</tool_response>'),
    ]),
  };
}

/** System message of a conversation with tools that has none. */
const DEFAULT_SYSTEM_WITH_TOOLS = 'You are a helpful assistant.';

/** Writes tools, calls and results into the contents of the turns. Thoughts of earlier turns are left out. */
export function withToolTexts(turns: readonly Turn[], tools: readonly Tool[]): readonly Turn[] {
  const written = inRuns(turns).map((run): Turn => {
    const [turn] = run;
    if (turn.role === 'tool') return resultsTurn(run);
    const calls = turn.calls ?? [];
    const between: readonly PromptPart[] = hasText(turn.content) && calls.length > 0 ? [{ text: '\n' }] : [];
    return { role: turn.role, content: [...turn.content, ...between, ...callParts(calls)] };
  });
  if (tools.length === 0) return written;
  const prompt = toolsPrompt(tools);
  const at = written.findIndex((turn) => turn.role === 'system');
  if (at < 0) return [{ role: 'system', content: [{ text: DEFAULT_SYSTEM_WITH_TOOLS }, ...prompt] }, ...written];
  return written.map((turn, index) => (index === at ? { ...turn, content: [...turn.content, ...prompt] } : turn));
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
