import type { Format, PromptPart, Turn } from '../format.ts';

/**
 * DeepSeek-R1 and its distills. The template opens the thinking.
 *
 * Source: `chat_template` in tokenizer_config.json of deepseek-ai/DeepSeek-R1-Distill-Qwen-32B.
 */
export const r1: Format = {
  name: 'r1',
  defaultSystem: undefined,
  renderTurns: renderDeepSeek,
  openThinking: [{ control: '<think>' }, { text: '\n' }],
  skipThinking: [{ control: '<think>' }, { text: '\n\n' }, { control: '</think>' }, { text: '\n\n' }],
  thinkingEnds: ['</think>', '<｜end▁of▁sentence｜>'],
  openAnswer: [{ control: '</think>' }],
  forceAnswer: [{ control: '</think>' }, { text: '\n\n' }],
  forcedAnswerText: '',
  answerEnds: ['<｜end▁of▁sentence｜>'],
};

/** `<｜begin▁of▁sentence｜>{system}<｜User｜>{text}<｜Assistant｜>{text}<｜end▁of▁sentence｜>`: no newlines between turns. */
function renderDeepSeek(turns: readonly Turn[]): readonly PromptPart[] {
  const system = turns.filter((turn) => turn.role === 'system').map((turn) => turn.text);
  const parts: PromptPart[] = [{ control: '<｜begin▁of▁sentence｜>' }];
  if (system.length > 0) parts.push({ text: system.join('\n\n') });
  for (const turn of turns) {
    if (turn.role === 'user') parts.push({ control: '<｜User｜>' }, { text: turn.text });
    if (turn.role === 'assistant') {
      parts.push({ control: '<｜Assistant｜>' }, { text: turn.text }, { control: '<｜end▁of▁sentence｜>' });
    }
  }
  parts.push({ control: '<｜Assistant｜>' });
  return parts;
}
