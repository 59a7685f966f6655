const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/**
 * The words of a text in any language, also of those that are written without spaces, in lower case and Unicode's compatibility form.
 */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC').toLowerCase())) {
    if (isWordLike) words.push(segment);
  }
  return words;
}
