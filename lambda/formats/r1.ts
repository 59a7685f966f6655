import type { Format, PromptPart, Turn } from '../forcing/format.ts';

/**
 * DeepSeek-R1 and its distilled models. The template opens the thinking.
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
  answerStart: '\n\n',
  forceAnswer: [{ control: '</think>' }, { text: '\n\n' }],
  forcedAnswerText: '',
  answerEnds: ['<｜end▁of▁sentence｜>'],
};

/** Renders `<｜begin▁of▁sentence｜>{system}<｜User｜>{text}<｜Assistant｜>{text}<｜end▁of▁sentence｜>`, without newlines between turns. */
function renderDeepSeek(turns: readonly Turn[]): readonly PromptPart[] {
  const parts: PromptPart[] = [{ control: '<｜begin▁of▁sentence｜>' }];
  for (const [index, { content }] of turns.filter((turn) => turn.role === 'system').entries()) {
    if (index > 0) parts.push({ text: '\n\n' });
    parts.push(...content);
  }
  for (const { role, content } of turns) {
    if (role === 'user') parts.push({ control: '<｜User｜>' }, ...content);
    if (role === 'assistant')
      parts.push({ control: '<｜Assistant｜>' }, ...content, { control: '<｜end▁of▁sentence｜>' });
  }
  parts.push({ control: '<｜Assistant｜>' });
  return parts;
}
