import type { Format, PromptPart, Tool, Turn } from '../forcing/format.ts';
import { spacedJson } from './spaced-json.ts';
import { tag } from './turn-parts.ts';

/**
 * Kimi K2 Thinking. The model samples `<think>` itself; the prompt contains it. Thoughts after the last answer without calls stay.
 *
 * Source: `models/templates/Kimi-K2-Thinking.jinja` of ggml-org/llama.cpp.
 */
export const kimiK2Thinking: Format = {
  name: 'kimi-k2-thinking',
  defaultSystem: 'You are Kimi, an AI assistant created by Moonshot AI.',
  renderTurns: renderKimi,
  openThinking: [{ control: '<think>' }],
  skipThinking: [{ control: '<think>' }, { control: '</think>' }],
  thinkingEnds: ['</think>', '<|im_end|>', '[EOS]'],
  openAnswer: [{ control: '</think>' }],
  forceAnswer: [{ control: '</think>' }],
  newlineBeforeCut: false,
  forcedAnswerText: '',
  tools: {
    open: '<|tool_calls_section_begin|>',
    close: '<|tool_calls_section_end|>',
    callOpen: '<|tool_call_begin|>',
    nameEnds: ['<|tool_call_argument_begin|>'],
    nameInId: true,
    callClose: '<|tool_call_end|>',
    arguments: 'json',
  },
  answerEnds: ['<|im_end|>', '[EOS]'],
};

function renderKimi(turns: readonly Turn[], tools: readonly Tool[] = []): readonly PromptPart[] {
  const lastAnswer = turns.findLastIndex((turn) => turn.role === 'assistant' && turn.calls === undefined);
  const declared = spacedJson(tools.map((tool) => ({ type: 'function', function: tool })));
  return [
    ...(tools.length === 0 ? [] : message('system', 'tool_declare', [{ text: declared }])),
    ...turns.flatMap((turn, index) => {
      if (turn.role === 'tool') {
        return message('system', 'tool', [{ text: `## Return of ${turn.callId ?? ''}\n` }, ...turn.content]);
      }
      if (turn.role !== 'assistant') return message(turn.role, turn.role, turn.content);
      const thinking = index > lastAnswer ? (turn.thinking ?? '') : '';
      const thought = [tag('<think>'), { text: thinking }, tag('</think>')];
      return message('assistant', 'assistant', [...thought, ...turn.content, ...callParts(turn)]);
    }),
    { control: '<|im_assistant|>' },
    { text: 'assistant' },
    { control: '<|im_middle|>' },
  ];
}

function message(
  kind: 'system' | 'user' | 'assistant',
  name: string,
  content: readonly PromptPart[],
): readonly PromptPart[] {
  return [
    { control: `<|im_${kind}|>` },
    { text: name },
    { control: '<|im_middle|>' },
    ...content,
    { control: '<|im_end|>' },
  ];
}

function callParts({ calls = [] }: Turn): readonly PromptPart[] {
  if (calls.length === 0) return [];
  return [
    { control: '<|tool_calls_section_begin|>' },
    ...calls.flatMap((call) => [
      { control: '<|tool_call_begin|>' },
      { text: call.id },
      { control: '<|tool_call_argument_begin|>' },
      { text: call.arguments },
      { control: '<|tool_call_end|>' },
    ]),
    { control: '<|tool_calls_section_end|>' },
  ];
}
