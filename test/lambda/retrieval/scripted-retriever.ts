import { ApiError } from '../../../lambda/errors/api-error.ts';
import type { FoundPassage } from '../../../lambda/retrieval/passage.ts';
import type { Retriever, RetrieverQuery } from '../../../lambda/retrieval/retriever.ts';

/** A retriever that finds the same passages for any text in the store `vs_1`, and remembers what it was asked. */
export class ScriptedRetriever implements Retriever {
  readonly queries: RetrieverQuery[] = [];
  readonly #texts: readonly string[];
  readonly #failure: Error | undefined;

  constructor(texts: readonly string[], failure?: Error) {
    this.#texts = texts;
    this.#failure = failure;
  }

  async search(query: RetrieverQuery): Promise<readonly FoundPassage[]> {
    this.queries.push(query);
    await this.checkStores(query);
    if (this.#failure !== undefined) throw this.#failure;
    return this.#texts.map((text, at) => passageOf(text, at)).slice(0, query.maxResults);
  }

  async checkStores({ stores }: Pick<RetrieverQuery, 'stores'>): Promise<void> {
    if (stores.some((store) => store !== 'vs_1')) {
      throw new ApiError(404, 'There is no vector store with this id.', { code: 'not_found' });
    }
  }
}

/** The passage at a place of the results. */
export function passageOf(text: string, at = 0): FoundPassage {
  return {
    id: `p_${at + 1}`,
    fileId: `file_${at + 1}`,
    filename: `${at + 1}.md`,
    titlePath: ['Coins'],
    text,
    attributes: {},
    storeId: 'vs_1',
    score: 1 - at / 10,
  };
}
