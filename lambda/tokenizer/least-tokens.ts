/** Most characters that one token of a published vocabulary covers (a run of spaces). Qwen, Llama 3, gpt-oss and DeepSeek have 128. */
export const MAX_CHARACTERS_PER_TOKEN = 128;

/**
 * A lower bound of the tokens of a text, from its characters alone: never more than any tokenizer gives. Only visible ASCII counts,
 * since a normalizer may join other characters, or drop white space.
 *
 * @param charactersPerToken most characters that one token of the vocabulary covers. @default MAX_CHARACTERS_PER_TOKEN
 */
export function leastTokens(text: string, charactersPerToken = MAX_CHARACTERS_PER_TOKEN): number {
  let visible = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // A letter before another character may become one character with it: e + U+0301 is é.
    if (code > 0x20 && code < 0x7f && !(text.charCodeAt(at + 1) > 0x7f)) visible++;
  }
  return Math.ceil(visible / charactersPerToken);
}
