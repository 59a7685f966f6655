import type { CallTags, Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { spacedJson } from './spaced-json.ts';
import { argumentsOf } from './tools/arguments.ts';
import { inRuns, lastUserIndex, tag, trimmed, withTags } from './turn-parts.ts';

const TAGS = ['<tool_call>', '</tool_call>', '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'];

const callTags: CallTags = {
  open: '<tool_call>',
  close: '</tool_call>',
  nameEnds: ['\n', '<arg_key>', '</tool_call>'],
  arguments: { open: '<arg_key>', keyEnd: '</arg_key>', valueOpen: '<arg_value>', close: '</arg_value>' },
};

/** What GLM-4.5 and GLM-4.7 share. */
const glm = {
  defaultSystem: undefined,
  thinkingEnds: ['</think>', '<|user|>', '<|observation|>', '<|endoftext|>'],
  openAnswer: [{ control: '</think>' }],
  newlineBeforeCut: false,
  forcedAnswerText: '',
  tools: callTags,
  answerEnds: ['<|user|>', '<|observation|>', '<|endoftext|>'],
} satisfies Partial<Format>;

/**
 * GLM-4.5, GLM-4.5-Air and GLM-4.6. The model samples `\n<think>` itself; the prompt contains it. Thoughts since the user's last
 * message stay. With a budget of 0 the template also writes `/nothink` after the user's messages; here the prompt is the same for
 * all budgets, and the empty thought of the template skips the thinking.
 *
 * Source: `models/templates/GLM-4.6.jinja` of ggml-org/llama.cpp.
 */
export const glm45: Format = {
  ...glm,
  name: 'glm-4.5',
  renderTurns: (turns, tools) => renderGlm(turns, tools, '\n'),
  openThinking: [{ text: '\n' }, { control: '<think>' }],
  skipThinking: [{ text: '\n' }, { control: '<think>' }, { control: '</think>' }, { text: '\n' }],
  answerStart: '\n',
  forceAnswer: [{ control: '</think>' }, { text: '\n' }],
};

/**
 * GLM-4.7, whose template has no newlines, and writes only the end of a thought that was dropped.
 *
 * Source: `models/templates/GLM-4.7-Flash.jinja` of ggml-org/llama.cpp.
 */
export const glm47: Format = {
  ...glm,
  name: 'glm-4.7',
  renderTurns: (turns, tools) => renderGlm(turns, tools, ''),
  openThinking: [{ control: '<think>' }],
  skipThinking: [{ control: '</think>' }],
  forceAnswer: [{ control: '</think>' }],
};

/** @param newline what stands between a tag and its text: a newline, or nothing */
function renderGlm(turns: readonly Turn[], tools: readonly Tool[] = [], newline: '\n' | ''): readonly PromptPart[] {
  const lastUser = lastUserIndex(turns);
  return [
    { control: '[gMASK]' },
    { control: '<sop>' },
    ...(tools.length === 0 ? [] : toolList(tools, newline)),
    ...inRuns(turns).flatMap((run): readonly PromptPart[] => {
      const [turn] = run;
      if (turn.role === 'tool') {
        return [
          { control: '<|observation|>' },
          ...run.flatMap(({ content }) => [
            { text: newline },
            tag('<tool_response>'),
            { text: newline },
            ...content,
            { text: newline },
            tag('</tool_response>'),
          ]),
        ];
      }
      if (turn.role !== 'assistant') return [{ control: `<|${turn.role}|>` }, { text: newline }, ...turn.content];
      return [{ control: '<|assistant|>' }, ...answerParts(turn, turns.indexOf(turn) > lastUser, newline)];
    }),
    { control: '<|assistant|>' },
  ];
}

function answerParts(
  { content, thinking = '', calls = [] }: Turn,
  keepsThinking: boolean,
  newline: '\n' | '',
): readonly PromptPart[] {
  const thought = keepsThinking ? thinking.trim() : '';
  const opens = thought !== '' || newline !== '';
  const text = trimmed(content);
  return [
    ...(opens ? [{ text: newline }, tag('<think>'), { text: thought }] : []),
    tag('</think>'),
    ...(text.length === 0 ? [] : [{ text: newline }, ...text]),
    ...calls.flatMap(({ name, arguments: json }) => [
      { text: newline },
      tag('<tool_call>'),
      { text: name + newline },
      ...argumentsOf(json).flatMap(({ key, text: value }) => [
        tag('<arg_key>'),
        { text: key },
        tag('</arg_key>'),
        { text: newline },
        tag('<arg_value>'),
        { text: value },
        tag('</arg_value>'),
        { text: newline },
      ]),
      tag('</tool_call>'),
    ]),
  ];
}

function toolList(tools: readonly Tool[], newline: '\n' | ''): readonly PromptPart[] {
  const list = tools.map((tool) => `${spacedJson({ type: 'function', function: tool })}\n`).join('');
  const argument = (index: number) =>
    `<arg_key>{arg-key-${index}}</arg_key>${newline}<arg_value>{arg-value-${index}}</arg_value>${newline}`;
  return [
    { control: '<|system|>' },
    {
      text: `\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>\n${list}</tools>\n\nFor each function call, output the function name and arguments within the following XML format:\n`,
    },
    ...withTags(`<tool_call>{function-name}${newline}${argument(1)}${argument(2)}...${newline}</tool_call>`, TAGS),
  ];
}
