/** Punctuation that does not change what a question asks. Operators and brackets do. */
const WORD = /[\p{L}\p{M}\p{N}]+|[^\s\p{L}\p{M}\p{N}.,;:!?"'`“”‘’«»…*_#\\$]/gu;

/**
 * Words of a text for comparisons: in lower case, NFKC, without punctuation, white space and the marks of Markdown and TeX. Each other
 * symbol is a word, so that `3 + 4` and `3 - 4` differ.
 */
export function wordsOf(text: string): readonly string[] {
  return text.normalize('NFKC').toLowerCase().match(WORD) ?? [];
}

/** Runs of `length` words. A shorter text has none. */
export function* ngramsOf(words: readonly string[], length: number): Generator<string> {
  for (let end = length; end <= words.length; end++) yield words.slice(end - length, end).join(' ');
}
