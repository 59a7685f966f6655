import type { Format, PromptPart, Turn } from '../forcing/format.ts';

/**
 * The system message that OpenAI's renderer writes without a date: a date would give the same conversation other ids each day, and no cached
 * prefix. The effort is the template's default; how long it thinks is the budget's.
 */
const system = `You are ChatGPT, a large language model trained by OpenAI.
Knowledge cutoff: 2024-06

Reasoning: medium

# Valid channels: analysis, commentary, final. Channel must be included for every message.`;

/**
 * gpt-oss (OpenAI's harmony format). The thought is a message of the channel `analysis`, the answer one of `final`; each message ends in
 * a token of its own, so a cut needs no newline. Thoughts of earlier turns are dropped, as the format prescribes: a turn that did not
 * think looks the same, and so does a budget of 0.
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
  openAnswer: beginFinal(),
  forceAnswer: beginFinal(),
  newlineBeforeCut: false,
  forcedAnswerText: '',
  answerEnds: ['<|return|>', '<|end|>', '<|call|>', '<|start|>', '<|channel|>', '<|endoftext|>'],
};

function beginFinal(): readonly PromptPart[] {
  return [
    { control: '<|end|>' },
    { control: '<|start|>' },
    { text: 'assistant' },
    { control: '<|channel|>' },
    { text: 'final' },
    { control: '<|message|>' },
  ];
}

/** What clients call system is the format's `developer`; its own `system` is fixed. */
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
