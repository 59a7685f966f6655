import type { CallTags, Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { spacedJson } from './spaced-json.ts';
import { argumentsOf } from './tools/arguments.ts';
import { inRuns, lastUserIndex, systemFirst, tag, withTags } from './turn-parts.ts';

const END = '<｜end▁of▁sentence｜>';
const DSML = '｜DSML｜';

/** What the families since V3.1 share: no newlines around the delimiters, and `</think>` alone in place of a thought. */
const deepSeek = {
  defaultSystem: undefined,
  openThinking: [{ control: '<think>' }],
  skipThinking: [{ control: '</think>' }],
  thinkingEnds: ['</think>', END],
  openAnswer: [{ control: '</think>' }],
  forceAnswer: [{ control: '</think>' }],
  newlineBeforeCut: false,
  forcedAnswerText: '',
  answerEnds: [END],
} satisfies Partial<Format>;

/**
 * DeepSeek-V3.1. Its template has calls only without thinking and describes no tools, so tools are refused.
 *
 * Source: `models/templates/deepseek-ai-DeepSeek-V3.1.jinja` of ggml-org/llama.cpp.
 */
export const deepSeekV31: Format = {
  ...deepSeek,
  name: 'deepseek-v3.1',
  renderTurns: (turns) => {
    const { system = [], rest } = systemFirst(turns);
    return [
      { control: '<｜begin▁of▁sentence｜>' },
      ...system,
      ...rest.flatMap(({ role, content }) =>
        role === 'user' ? [{ control: '<｜User｜>' }, ...content] : answer([tag('</think>'), ...content]),
      ),
      { control: '<｜Assistant｜>' },
    ];
  },
};

/**
 * DeepSeek-V3.2. Thoughts since the user's last message stay. Calls are written in DSML.
 *
 * Source: `encoding/encoding_dsv32.py` of deepseek-ai/DeepSeek-V3.2, and `models/templates/deepseek-ai-DeepSeek-V3.2.jinja` of
 * ggml-org/llama.cpp.
 */
export const deepSeekV32: Format = {
  ...deepSeek,
  name: 'deepseek-v3.2',
  tools: dsml('function_calls'),
  renderTurns: (turns, tools = []) => {
    const { system, rest } = systemFirst(turns);
    const lastUser = lastUserIndex(rest);
    const parts: PromptPart[] = [{ control: '<｜begin▁of▁sentence｜>' }, ...(system ?? [])];
    if (tools.length > 0) parts.push({ text: system === undefined ? '' : '\n\n' }, ...toolListV32(tools));
    for (const run of inRuns(rest)) {
      const [turn] = run;
      const index = rest.indexOf(turn);
      if (turn.role === 'user') parts.push({ control: '<｜User｜>' }, ...turn.content, { control: '<｜Assistant｜>' });
      else if (turn.role === 'tool') parts.push(...resultsV32(run));
      else {
        const thought = index > lastUser ? [tag('<think>'), { text: turn.thinking ?? '' }] : [];
        const calls = dsmlCalls('function_calls', turn, '\n');
        parts.push(...thought, tag('</think>'), ...turn.content, ...calls, { control: END });
      }
    }
    return parts;
  },
};

/**
 * DeepSeek-V4. Thoughts since the user's last message stay, and with tools all of them do. Calls are written in DSML; results
 * are a part of the user's turn.
 *
 * Source: `models/templates/deepseek-ai-DeepSeek-V4.jinja` of ggml-org/llama.cpp.
 */
export const deepSeekV4: Format = {
  ...deepSeek,
  name: 'deepseek-v4',
  tools: dsml('tool_calls'),
  renderTurns: (turns, tools = []) => {
    const { system = [], rest } = systemFirst(turns);
    const keepsAll = tools.length > 0 || rest.some((turn) => turn.role === 'tool');
    const lastUser = rest.findLastIndex((turn) => turn.role !== 'assistant');
    const parts: PromptPart[] = [{ control: '<｜begin▁of▁sentence｜>' }, ...system];
    if (tools.length > 0) parts.push({ text: system.length === 0 ? '' : '\n\n' }, ...toolListV4(tools));
    for (const [index, turn] of rest.entries()) {
      if (turn.role === 'assistant') {
        const keeps = keepsAll || index > lastUser;
        const thought = keeps ? [tag('<think>'), { text: turn.thinking ?? '' }] : [];
        parts.push(...answer([...thought, tag('</think>'), ...turn.content, ...dsmlCalls('tool_calls', turn, '')]));
        continue;
      }
      const before = rest[index - 1];
      const continues = before !== undefined && before.role !== 'assistant';
      parts.push(continues ? { text: '\n\n' } : { control: '<｜User｜>' });
      if (turn.role === 'tool') parts.push({ text: '<tool_result>' }, ...turn.content, { text: '</tool_result>' });
      else parts.push(...turn.content);
    }
    return [...parts, { control: '<｜Assistant｜>' }];
  },
};

function answer(content: readonly PromptPart[]): readonly PromptPart[] {
  return [{ control: '<｜Assistant｜>' }, ...content, { control: END }];
}

function dsml(block: string): CallTags {
  return {
    open: `<${DSML}${block}>`,
    close: `</${DSML}${block}>`,
    callOpen: `<${DSML}invoke name="`,
    nameEnds: ['">'],
    callClose: `</${DSML}invoke>`,
    arguments: {
      open: `<${DSML}parameter name="`,
      keyEnd: '" string="',
      close: `</${DSML}parameter>`,
      saysString: true,
    },
  };
}

/** @param noArguments what stands in place of arguments besides the newline: V3.2 writes a second newline, V4 one */
function dsmlCalls(block: string, { calls = [] }: Turn, noArguments: '\n' | ''): readonly PromptPart[] {
  if (calls.length === 0) return [];
  const line = (parts: readonly PromptPart[]): readonly PromptPart[] => [...parts, { text: '\n' }];
  const dsmlTag = tag(DSML);
  return [
    { text: '\n\n<' },
    ...line([dsmlTag, { text: `${block}>` }]),
    ...calls.flatMap(({ name, arguments: json }) => {
      const members = argumentsOf(json);
      return [
        { text: '<' },
        ...line([dsmlTag, { text: `invoke name="${name}">` }]),
        ...members.flatMap(({ key, text, isString }) => [
          { text: '<' },
          dsmlTag,
          { text: `parameter name="${key}" string="${isString}">${text}</` },
          ...line([dsmlTag, { text: 'parameter>' }]),
        ]),
        ...(members.length === 0 ? [{ text: noArguments === '' ? '\n' : noArguments }] : []),
        { text: '</' },
        ...line([dsmlTag, { text: 'invoke>' }]),
      ];
    }),
    { text: '</' },
    dsmlTag,
    { text: `${block}>` },
  ];
}

function resultsV32(results: readonly Turn[]): readonly PromptPart[] {
  return [
    { text: '\n\n<function_results>' },
    ...results.flatMap(({ content }) => [{ text: '\n<result>' }, ...content, { text: '</result>' }]),
    { text: '\n</function_results>\n\n' },
  ];
}

function toolListV32(tools: readonly Tool[]): readonly PromptPart[] {
  return withTags(
    `## Tools

You have access to a set of tools you can use to answer the user's question.
You can invoke functions by writing a "<${DSML}function_calls>" block like the following as part of your reply to the user:
<${DSML}function_calls>
<${DSML}invoke name="$FUNCTION_NAME">
<${DSML}parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</${DSML}parameter>
...
</${DSML}invoke>
<${DSML}invoke name="$FUNCTION_NAME2">
...
</${DSML}invoke>
</${DSML}function_calls>

String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should use JSON format. The "string" attribute should be set to "true" for string type parameters and "false" for other types (numbers, booleans, arrays, objects).

If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking block. Here is an example:

<${DSML}function_calls>
...
</${DSML}function_calls>

<function_results>
...
</function_results>

<think>...thinking about results</think>

Here are the functions available in JSONSchema format:
<functions>
`,
    [DSML, '<think>', '</think>'],
  ).concat({ text: `${tools.map((tool) => `${spacedJson(tool)}\n`).join('')}</functions>\n` });
}

function toolListV4(tools: readonly Tool[]): readonly PromptPart[] {
  return withTags(
    `## Tools

You have access to a set of tools to help answer the user's question. You can invoke tools by writing a "<${DSML}tool_calls>" block like the following:

<${DSML}tool_calls>
<${DSML}invoke name="$TOOL_NAME">
<${DSML}parameter name="$PARAMETER_NAME" string="true|false">$PARAMETER_VALUE</${DSML}parameter>
...
</${DSML}invoke>
<${DSML}invoke name="$TOOL_NAME2">
...
</${DSML}invoke>
</${DSML}tool_calls>

String parameters should be specified as is and set \`string="true"\`. For all other types (numbers, booleans, arrays, objects), pass the value in JSON format and set \`string="false"\`.

If thinking_mode is enabled (triggered by <think>), you MUST output your complete reasoning inside <think>...</think> BEFORE any tool calls or final response.

Otherwise, output directly after </think> with tool calls or final response.

### Available Tool Schemas

`,
    [DSML, '<think>', '</think>'],
  ).concat({
    text: `${tools.map((tool) => `${spacedJson(tool)}\n`).join('')}\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n`,
  });
}
