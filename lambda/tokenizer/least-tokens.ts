/** Most characters that one token of a published vocabulary covers (a run of spaces). Qwen, Llama 3, gpt-oss and DeepSeek have 128. */
const MAX_CHARACTERS_PER_TOKEN = 128;

/**
 * A lower bound of the tokens of texts, from their characters alone: never more than any tokenizer gives. Only visible ASCII counts,
 * since a normalizer may join other characters, or drop white space.
 *
 * @param enough counting stops as soon as the bound is above it. @default Infinity
 */
export function leastTokens(texts: readonly string[], enough = Number.POSITIVE_INFINITY): number {
  let tokens = 0;
  for (const text of texts) {
    if (tokens > enough) break;
    tokens += leastTokensOf(text, enough - tokens);
  }
  return tokens;
}

function leastTokensOf(text: string, enough: number): number {
  const enoughCharacters = enough * MAX_CHARACTERS_PER_TOKEN;
  let visible = 0;
  for (let at = 0; at < text.length && visible <= enoughCharacters; at++) {
    const code = text.charCodeAt(at);
    // A letter before another character may become one character with it: e + U+0301 is é.
    if (code > 0x20 && code < 0x7f && !(text.charCodeAt(at + 1) > 0x7f)) visible++;
  }
  return Math.ceil(visible / MAX_CHARACTERS_PER_TOKEN);
}
