import type { FoundPassage, Passage } from '../lambda/retrieval/passage.ts';
import type { Retriever, RetrieverQuery } from '../lambda/retrieval/retriever.ts';

/**
 * Searches passages in memory: the score is the share of the query's words that a passage has, each weighted by its rarity. For benches of
 * what a model does with passages, whatever found them.
 */
export class KeywordRetriever implements Retriever {
  readonly #passages: readonly { readonly passage: Passage; readonly words: ReadonlySet<string> }[];

  constructor(passages: readonly Passage[]) {
    this.#passages = passages.map((passage) => ({ passage, words: new Set(wordsOf(passage.text)) }));
  }

  async search({ stores, text, maxResults, scoreThreshold }: RetrieverQuery): Promise<readonly FoundPassage[]> {
    const [storeId = ''] = stores;
    const asked = [...new Set(wordsOf(text))].map((word) => ({ word, weight: this.#weightOf(word) }));
    const total = asked.reduce((sum, { weight }) => sum + weight, 0);
    return this.#passages
      .map(({ passage, words }) => {
        const shared = asked.reduce((sum, { word, weight }) => sum + (words.has(word) ? weight : 0), 0);
        return { ...passage, storeId, score: total === 0 ? 0 : shared / total };
      })
      .filter(({ score }) => score > 0 && score >= scoreThreshold)
      .toSorted((a, b) => b.score - a.score)
      .slice(0, maxResults);
  }

  #weightOf(word: string): number {
    const having = this.#passages.filter(({ words }) => words.has(word)).length;
    return having === 0 ? 0 : Math.log(1 + this.#passages.length / having);
  }
}

/** A passage of a document that has no other. */
export function passageOf(id: string, text: string): Passage {
  return { id: `p_${id}`, fileId: `file_${id}`, filename: `${id}.txt`, titlePath: [], text, attributes: {} };
}

/** Words in lower case, without the end of a plural. */
function wordsOf(text: string): readonly string[] {
  return (text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.replace(/s$/, ''));
}
