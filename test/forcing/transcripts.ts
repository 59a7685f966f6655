/**
 * Outputs in the shape in which each family writes them, delimiters as control strings. The texts are ours; the shapes are those of
 * public records: s1's README; R1's empty thought before a greeting (ollama/ollama issue 8837); Qwen3's thought that ends in a
 * newline, `</think>` and an empty line (vllm-project/vllm issue 21130). `thinking` and `answer` are what a client has to see.
 */
export const transcripts = [
  {
    format: 's1',
    output: '\nThere are 3 r in it.\n\nLet me count again: r, r, r.<|im_start|>answer\nThere are **3**.<|im_end|>',
    thinking: 'There are 3 r in it.\n\nLet me count again: r, r, r.',
    answer: 'There are **3**.',
  },
  {
    format: 's1',
    output: '\nIt is 4.<|im_end|>\nFour.<|im_end|>',
    thinking: 'It is 4.',
    answer: 'Four.',
  },
  {
    format: 's1',
    output: '\nIt is 4.<|im_start|>answer\nFour.<|im_start|>answer\nFive.<|im_end|>',
    thinking: 'It is 4.',
    answer: 'Four.',
  },
  {
    format: 's1',
    output: '<|im_start|>answer\nHi!<|im_end|>',
    thinking: '',
    answer: 'Hi!',
  },
  {
    format: 's1',
    output: '\nThought that gives up<|endoftext|>\nStill an answer.<|endoftext|>',
    thinking: 'Thought that gives up',
    answer: 'Still an answer.',
  },
  {
    format: 'r1',
    output: '\n</think>\n\nHello! 😊 How can I help?<｜end▁of▁sentence｜>',
    thinking: '',
    answer: 'Hello! 😊 How can I help?',
  },
  {
    format: 'r1',
    output: 'Okay, 7 × 8.\nThat is 56.\n</think>\n\n\\[ 7 \\times 8 = \\boxed{56} \\]<｜end▁of▁sentence｜>',
    thinking: 'Okay, 7 × 8.\nThat is 56.',
    answer: '\\[ 7 \\times 8 = \\boxed{56} \\]',
  },
  {
    format: 'r1',
    output: 'The tag </ think> is text, and so is <think without its end.</think>Yes.<｜end▁of▁sentence｜>',
    thinking: 'The tag </ think> is text, and so is <think without its end.',
    answer: 'Yes.',
  },
  {
    format: 'qwq',
    output: 'Okay, così: "cos\'è" means "what is".\n\nWait, yes.\n</think>\n\nUn ruolo agile.<|im_end|>',
    thinking: 'Okay, così: "cos\'è" means "what is".\n\nWait, yes.',
    answer: 'Un ruolo agile.',
  },
  {
    format: 'qwen3',
    output: 'Okay, the user greets me in Chinese: 你好.\n</think>\n\n你好！有什么可以帮你的吗？<|im_end|>',
    thinking: 'Okay, the user greets me in Chinese: 你好.',
    answer: '你好！有什么可以帮你的吗？',
  },
  {
    format: 'qwen3',
    output: '\n</think>\n\nNo thought, just this.<|im_end|>',
    thinking: '',
    answer: 'No thought, just this.',
  },
] as const;
