import type { Format } from '../forcing/format.ts';
import { renderChatMl } from './chatml.ts';

/** The sentence that Qwen3 was trained on for thinking that is cut (Qwen3 technical report, arXiv 2505.09388, section 4.3). */
const stopThinking =
  'Considering the limited time by the user, I have to give the solution based on the thinking directly now.\n';

/**
 * Qwen3. The model samples `<think>\n` itself; the prompt contains it, so that the thinking is never skipped. A budget of 0
 * writes the empty thinking of the template's `enable_thinking: false`.
 *
 * Source: `chat_template` of Qwen/Qwen3-32B.
 */
export const qwen3: Format = {
  name: 'qwen3',
  defaultSystem: undefined,
  renderTurns: renderChatMl,
  openThinking: [{ control: '<think>' }, { text: '\n' }],
  skipThinking: [{ control: '<think>' }, { text: '\n\n' }, { control: '</think>' }, { text: '\n\n' }],
  thinkingEnds: ['</think>', '<|im_end|>', '<|endoftext|>'],
  openAnswer: [{ control: '</think>' }],
  answerStart: '\n\n',
  forceAnswer: [{ text: stopThinking }, { control: '</think>' }, { text: '\n\n' }],
  forcedAnswerText: '',
  tools: 'hermes',
  answerEnds: ['<|im_end|>', '<|endoftext|>'],
};
