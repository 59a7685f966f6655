import MiniSearch from 'minisearch';
import { wordsOf } from './words.ts';

/** Headings count more than text, as many searches name them. */
const TITLE_BOOST = 2;
/** Score of MiniSearch at which a passage has the score 0.5, for each word of the query. */
const HALF_PER_WORD = 2;
/**
 * Occurrences of words that one search scores at most: about 15 ms. Words in few passages go first, since they say most about what is
 * asked; the first two always count.
 */
const MAX_OCCURRENCES = 20_000;
const ALWAYS_WORDS = 2;

interface IndexedPassage {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

/** Passages by the words of their title and text: BM25+ by MiniSearch, in memory. */
export class WordIndex {
  /** In how many fields of passages a word is. */
  readonly #fieldsWith = new Map<string, number>();
  readonly #index: MiniSearch<IndexedPassage>;
  /** What each word that MiniSearch reads now adds to {@link #fieldsWith}. */
  #step: 1 | -1 = 1;

  constructor() {
    this.#index = new MiniSearch({
      fields: ['title', 'text'],
      tokenize: (text) => this.#counted(wordsOf(text)),
      processTerm: (term) => term,
      searchOptions: { boost: { title: TITLE_BOOST }, tokenize: (text) => text.split(' ') },
    });
  }

  add(passage: IndexedPassage): void {
    this.#step = 1;
    this.#index.add(passage);
  }

  /** @param passage as it was added */
  remove(passage: IndexedPassage): void {
    this.#step = -1;
    // Not MiniSearch's discard: until it cleans up, words of discarded passages count as common, and scores can be negative.
    this.#index.remove(passage);
  }

  /**
   * Passages that have words of `text`, best first. The score is s / (s + 2 × words of the text) for MiniSearch's s, which has no upper
   * bound. If the words that are looked up first find fewer than `limit` passages, all words are looked up.
   *
   * @param allowed whether a passage may be found, by its id
   */
  search(text: string, limit: number, allowed: (id: string) => boolean): readonly { id: string; score: number }[] {
    const words = [...new Set(wordsOf(text))].filter((word) => this.#fieldsWith.has(word));
    const rare = this.#affordable(words);
    const found = this.#find(rare, allowed);
    const all = rare.length < words.length && found.length < limit ? this.#find(words, allowed) : found;
    const half = HALF_PER_WORD * new Set(wordsOf(text)).size;
    return all.map(({ id, score }) => ({ id, score: score / (score + half) }));
  }

  #find(words: readonly string[], allowed: (id: string) => boolean) {
    return this.#index
      .search(words.join(' '), { filter: ({ id }) => allowed(String(id)) })
      .map(({ id, score }) => ({ id: String(id), score }));
  }

  #affordable(words: readonly string[]): readonly string[] {
    const rarestFirst = words
      .map((word) => ({ word, count: this.#fieldsWith.get(word) ?? 0 }))
      .toSorted((a, b) => a.count - b.count);
    let occurrences = 0;
    return rarestFirst
      .filter(({ count }, at) => {
        occurrences += count;
        return at < ALWAYS_WORDS || occurrences <= MAX_OCCURRENCES;
      })
      .map(({ word }) => word);
  }

  #counted(words: readonly string[]): string[] {
    for (const word of new Set(words)) {
      const count = (this.#fieldsWith.get(word) ?? 0) + this.#step;
      if (count === 0) this.#fieldsWith.delete(word);
      else this.#fieldsWith.set(word, count);
    }
    return [...words];
  }
}
