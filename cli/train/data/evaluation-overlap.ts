import { readQuestions } from '../../../evaluate/questions/read-questions.ts';
import { OVERLAP_WORDS } from './data-checks.ts';
import { ngramsOf, wordsOf } from './words.ts';

/** Questions of evaluations, by their words. A model that was trained on them is not measured by them. */
export class EvaluationQuestions {
  readonly #length: number;
  readonly #whole = new Map<string, string>();
  readonly #ngrams = new Map<string, string>();

  /** @param length words of a run that count as overlap */
  constructor(length: number = OVERLAP_WORDS) {
    this.#length = length;
  }

  /**
   * Adds the questions of a file, in any form that `budgetforce eval` reads.
   *
   * @throws {UsageError} if it cannot be read
   */
  async read(file: string): Promise<void> {
    for (const { id, question } of await readQuestions(file, Number.POSITIVE_INFINITY, { gradedOutside: true })) {
      this.add(question, `${JSON.stringify(id)} of ${file}`);
    }
  }

  /** @param name of the question in messages */
  add(question: string, name: string): void {
    const words = wordsOf(question);
    this.#whole.set(words.join(' '), name);
    for (const ngram of ngramsOf(words, this.#length)) if (!this.#ngrams.has(ngram)) this.#ngrams.set(ngram, name);
  }

  /** Says what of a question is in an evaluation. `undefined` if nothing is. A question of fewer words is compared as a whole. */
  overlapOf(words: readonly string[]): string | undefined {
    const same = this.#whole.get(words.join(' '));
    if (same !== undefined) return `asks the question ${same}`;
    for (const ngram of ngramsOf(words, this.#length)) {
      const found = this.#ngrams.get(ngram);
      if (found !== undefined) return `shares "${ngram}" with the question ${found}`;
    }
    return undefined;
  }
}
