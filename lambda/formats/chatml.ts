import type { PromptPart, Turn } from '../forcing/format.ts';

/** Renders ChatML, the Qwen family's template: `<|im_start|>role\ntext<|im_end|>\n` per turn, then opens the assistant's turn. */
export function renderChatMl(turns: readonly Turn[]): readonly PromptPart[] {
  return [
    ...turns.flatMap((turn): PromptPart[] => [
      { control: '<|im_start|>' },
      { text: `${turn.role}\n` },
      ...turn.content,
      { control: '<|im_end|>' },
      { text: '\n' },
    ]),
    { control: '<|im_start|>' },
    { text: 'assistant\n' },
  ];
}
