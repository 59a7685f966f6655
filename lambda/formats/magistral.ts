import type { Format, PromptPart, Turn } from '../forcing/format.ts';
import { systemFirst, withTags } from './turn-parts.ts';

/**
 * Magistral and Ministral Reasoning. Their vocabulary has the delimiters `[THINK]` and `[/THINK]`; the model samples the first itself,
 * and the prompt contains it. Thoughts of all earlier turns stay. The control tokens of their calls are special tokens, which a
 * server leaves out of its text, so tools are refused.
 *
 * Source: `models/templates/mistralai-Ministral-3-14B-Reasoning-2512.jinja` of ggml-org/llama.cpp.
 */
export const magistral: Format = {
  name: 'magistral',
  defaultSystem: undefined,
  renderTurns: renderMagistral,
  openThinking: [{ control: '[THINK]' }],
  skipThinking: [],
  thinkingEnds: ['[/THINK]', '</s>'],
  openAnswer: [{ control: '[/THINK]' }],
  forceAnswer: [{ control: '[/THINK]' }],
  newlineBeforeCut: false,
  forcedAnswerText: '',
  answerEnds: ['</s>'],
};

/** The template's system message, which explains the thinking to the model. */
const defaultSystem = withTags(
  '# HOW YOU SHOULD THINK AND ANSWER\n\nFirst draft your thinking process (inner monologue) until you arrive at a response. Format your response using Markdown, and use LaTeX for any mathematical equations. Write both your thoughts and the response in the same language as the input.\n\nYour thinking process must follow the template below:[THINK]Your thoughts or/and draft, like working through an exercise on scratch paper. Be as casual and as long as you want until you are confident to generate the response to the user.[/THINK]Here, provide a self-contained response.',
  ['[THINK]', '[/THINK]'],
);

function renderMagistral(turns: readonly Turn[]): readonly PromptPart[] {
  const { system = defaultSystem, rest } = systemFirst(turns);
  return [
    { control: '<s>' },
    { control: '[SYSTEM_PROMPT]' },
    ...system,
    { control: '[/SYSTEM_PROMPT]' },
    ...rest.flatMap(({ role, content, thinking }): readonly PromptPart[] => {
      if (role === 'user') return [{ control: '[INST]' }, ...content, { control: '[/INST]' }];
      const thought =
        thinking === undefined ? [] : [{ control: '[THINK]' }, { text: thinking }, { control: '[/THINK]' }];
      return [...thought, ...content, { control: '</s>' }];
    }),
  ];
}
