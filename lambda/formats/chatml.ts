import type { PromptPart, Tool, Turn } from '../forcing/format.ts';
import { withToolTexts } from './tools/hermes.ts';

/** Renders ChatML, the Qwen family's template: `<|im_start|>role\ntext<|im_end|>\n` per turn, then opens the assistant's turn. */
export function renderChatMl(turns: readonly Turn[], tools: readonly Tool[] = []): readonly PromptPart[] {
  return [
    ...withToolTexts(turns, tools).flatMap((turn): PromptPart[] => [
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
