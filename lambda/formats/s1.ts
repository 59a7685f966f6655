import type { Format } from '../forcing/format.ts';
import { renderChatMl } from './chatml.ts';

/**
 * s1 and s1.1 (Qwen2.5-32B-Instruct fine-tuned on s1K). The prompt has no newline after `think`, since the model samples it.
 *
 * Source: arXiv 2501.19393, section 3.1, and simplescaling/s1, `eval/lm-evaluation-harness/lm_eval/models/vllm_causallms.py`.
 */
export const s1: Format = {
  name: 's1',
  defaultSystem: 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.',
  renderTurns: renderChatMl,
  openThinking: [{ control: '<|im_start|>' }, { text: 'think' }],
  thinkingStart: '\n',
  skipThinking: [
    { control: '<|im_start|>' },
    { text: 'think\n' },
    { control: '<|im_start|>' },
    { text: 'answer\nFinal Answer:' },
  ],
  thinkingEnds: ['<|im_start|>', '<|im_end|>', '<|endoftext|>'],
  openAnswer: [{ control: '<|im_start|>' }, { text: 'answer' }],
  answerStart: '\n',
  forceAnswer: [{ control: '<|im_start|>' }, { text: 'answer\nFinal Answer:' }],
  forcedAnswerText: 'Final Answer:',
  bare: {
    skipThinking: [{ control: '<|im_start|>' }, { text: 'think\n' }, { control: '<|im_start|>' }, { text: 'answer\n' }],
    forceAnswer: [{ control: '<|im_start|>' }, { text: 'answer\n' }],
  },
  tools: 'hermes',
  answerEnds: ['<|im_end|>', '<|im_start|>', '<|endoftext|>'],
};
