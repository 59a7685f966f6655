import type { Format, PromptPart, Turn } from '../forcing/format.ts';

/**
 * The system message of OpenAI's renderer, without the date: with one, the ids of a conversation would change daily and miss the
 * prefix cache. The effort is the template's default, since the budget sets the length of the thinking.
 */
const system = `You are ChatGPT, a large language model trained by OpenAI.
Knowledge cutoff: 2024-06

Reasoning: medium

# Valid channels: analysis, commentary, final. Channel must be included for every message.`;

/**
 * gpt-oss (OpenAI's harmony format). The thinking is a message of the channel `analysis`, the answer one of `final`. Each message
 * ends in a token of its own, so a cut needs no newline. The format drops the thinking of earlier turns, so a turn without
 * thinking, and a budget of 0, have only the `final` message.
 *
 * Source: openai/harmony, `docs/format.md`, and the cookbook's "OpenAI harmony response format".
 */
export const gptOss: Format = {
  name: 'gpt-oss',
  defaultSystem: undefined,
  renderTurns: renderHarmony,
  openThinking: [{ control: '<|channel|>' }, { text: 'analysis' }, { control: '<|message|>' }],
  skipThinking: [{ control: '<|channel|>' }, { text: 'final' }, { control: '<|message|>' }],
  thinkingEnds: ['<|end|>', '<|return|>', '<|call|>', '<|start|>', '<|channel|>', '<|endoftext|>'],
  openAnswer: openFinal(),
  forceAnswer: openFinal(),
  newlineBeforeCut: false,
  forcedAnswerText: '',
  answerEnds: ['<|return|>', '<|end|>', '<|call|>', '<|start|>', '<|channel|>', '<|endoftext|>'],
};

function openFinal(): readonly PromptPart[] {
  return [
    { control: '<|end|>' },
    { control: '<|start|>' },
    { text: 'assistant' },
    { control: '<|channel|>' },
    { text: 'final' },
    { control: '<|message|>' },
  ];
}

/** Renders harmony messages. A client's system message becomes the format's `developer`; the format's own `system` is fixed. */
function renderHarmony(turns: readonly Turn[]): readonly PromptPart[] {
  return [
    ...message('system', [{ text: system }]),
    ...turns.flatMap(({ role, content }) => {
      if (role === 'system') return message('developer', [{ text: '# Instructions\n\n' }, ...content]);
      return message(role, content, role === 'assistant' ? 'final' : undefined);
    }),
    { control: '<|start|>' },
    { text: 'assistant' },
  ];
}

function message(role: string, content: readonly PromptPart[], channel?: string): readonly PromptPart[] {
  const inChannel: readonly PromptPart[] = channel === undefined ? [] : [{ control: '<|channel|>' }, { text: channel }];
  return [
    { control: '<|start|>' },
    { text: role },
    ...inChannel,
    { control: '<|message|>' },
    ...content,
    { control: '<|end|>' },
  ];
}
