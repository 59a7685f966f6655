import type { Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { spacedJson } from './spaced-json.ts';
import { argumentsOf } from './tools/arguments.ts';
import { inRuns, lastUserIndex, systemFirst, tag, withTags } from './turn-parts.ts';

const CALLS_OPEN = '<minimax:tool_call>';
const CALLS_CLOSE = '</minimax:tool_call>';

/**
 * MiniMax-M2. The template opens the thinking. Thoughts since the user's last message stay. It has no way to skip the thinking, so a
 * budget of 0 writes an empty thought.
 *
 * Source: `models/templates/MiniMax-M2.jinja` of ggml-org/llama.cpp.
 */
export const miniMaxM2: Format = {
  name: 'minimax-m2',
  defaultSystem: 'You are a helpful assistant.',
  renderTurns: renderMiniMax,
  openThinking: [{ control: '<think>' }, { text: '\n' }],
  skipThinking: [{ control: '<think>' }, { text: '\n\n' }, { control: '</think>' }, { text: '\n\n' }],
  thinkingEnds: ['</think>', '[e~['],
  openAnswer: [{ control: '</think>' }],
  answerStart: '\n\n',
  forceAnswer: [{ control: '</think>' }, { text: '\n\n' }],
  forcedAnswerText: '',
  tools: {
    open: CALLS_OPEN,
    close: CALLS_CLOSE,
    callOpen: '<invoke name="',
    nameEnds: ['">'],
    callClose: '</invoke>',
    arguments: { open: '<parameter name="', keyEnd: '">', close: '</parameter>' },
  },
  answerEnds: ['[e~['],
};

function renderMiniMax(turns: readonly Turn[], tools: readonly Tool[] = []): readonly PromptPart[] {
  const { system = [], rest } = systemFirst(turns);
  const lastUser = lastUserIndex(rest);
  return [
    { control: ']~!b[' },
    ...message('system', [...system, ...(tools.length === 0 ? [] : toolList(tools))]),
    ...inRuns(rest).flatMap((run) => {
      const [turn] = run;
      if (turn.role === 'tool') {
        const results = run.flatMap(({ content }) => [{ text: '\n<response>' }, ...content, { text: '</response>' }]);
        return [{ control: ']~b]' }, { text: 'tool' }, ...results, { control: '[e~[' }, { text: '\n' }];
      }
      if (turn.role === 'user') return message('user', turn.content);
      return message('ai', [...thoughtOf(turn, rest.indexOf(turn) > lastUser), ...turn.content, ...callParts(turn)]);
    }),
    { control: ']~b]' },
    { text: 'ai\n' },
  ];
}

function message(role: string, content: readonly PromptPart[]): readonly PromptPart[] {
  return [{ control: ']~b]' }, { text: `${role}\n` }, ...content, { control: '[e~[' }, { text: '\n' }];
}

function thoughtOf({ thinking = '' }: Turn, keeps: boolean): readonly PromptPart[] {
  if (!keeps || thinking === '') return [];
  return [tag('<think>'), { text: `\n${thinking}\n` }, tag('</think>'), { text: '\n\n' }];
}

function callParts({ calls = [] }: Turn): readonly PromptPart[] {
  if (calls.length === 0) return [];
  const invokes = calls.map(({ name, arguments: json }) => {
    const parameters = argumentsOf(json).map(({ key, text }) => `<parameter name="${key}">${text}</parameter>\n`);
    return `<invoke name="${name}">\n${parameters.join('')}</invoke>\n`;
  });
  return [{ text: '\n' }, tag(CALLS_OPEN), { text: `\n${invokes.join('')}` }, tag(CALLS_CLOSE)];
}

function toolList(tools: readonly Tool[]): readonly PromptPart[] {
  const list = tools.map((tool) => `<tool>${spacedJson(tool)}</tool>\n`).join('');
  return [
    {
      text: `\n\n# Tools\nYou may call one or more tools to assist with the user query.\nHere are the tools available in JSONSchema format:\n\n<tools>\n${list}</tools>\n\n`,
    },
    ...withTags(
      `When making tool calls, use XML format to invoke tools and pass parameters:\n\n${CALLS_OPEN}\n<invoke name="tool-name-1">\n<parameter name="param-key-1">param-value-1</parameter>\n<parameter name="param-key-2">param-value-2</parameter>\n...\n</invoke>\n${CALLS_CLOSE}`,
      [CALLS_OPEN, CALLS_CLOSE],
    ),
  ];
}
