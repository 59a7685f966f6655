import type { PromptPart, Turn } from '../forcing/format.ts';

/** ChatML, the template of the Qwen family: `<|im_start|>role\ntext<|im_end|>\n`, then the assistant's turn is opened. */
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
