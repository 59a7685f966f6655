/**
 * Languages that S3 Vectors analyzes.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-configuring-full-text-search.html
 */
export const analyzedLanguages = ['en', 'fr', 'es', 'pt', 'it', 'de', 'nl', 'zh', 'ja', 'ko'] as const;

export type AnalyzedLanguage = (typeof analyzedLanguages)[number];

/** Returns the analyzer of a language (ISO 639-1, such as `th`), or `undefined` if S3 Vectors has only its standard one. */
export function analyzerOf(language: string): AnalyzedLanguage | undefined {
  return analyzedLanguages.find((analyzed) => analyzed === language);
}

/**
 * Creates the function that prepares texts for search, written and asked alike. Words of a language without an analyzer get spaces between
 * them, so that the standard analyzer finds them: Thai, Khmer, Lao and Burmese are written without.
 */
export function createSearchText(language: string): (text: string) => string {
  if (analyzerOf(language) !== undefined) return (text) => text;
  const segmenter = new Intl.Segmenter(language, { granularity: 'word' });
  return (text) => {
    const words: string[] = [];
    for (const { segment, isWordLike } of segmenter.segment(text)) if (isWordLike === true) words.push(segment);
    return words.join(' ');
  };
}
