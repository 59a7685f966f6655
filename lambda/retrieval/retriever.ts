import type { FoundPassage } from './passage.ts';
import type { Filter, IndexQuery } from './passage-index.ts';

/** A search of the stores of one key, by a request that generates. */
export interface RetrieverQuery {
  /** The name of the key that asks. A store of another key is not found. */
  readonly key: string;
  readonly stores: readonly string[];
  readonly text: string;
  /** 1 to 50. */
  readonly maxResults: number;
  /** Minimum score, 0 to 1. */
  readonly scoreThreshold: number;
  readonly filter?: Filter;
  readonly hybrid?: IndexQuery['hybrid'];
}

/** What `generation` knows of retrieval. */
export interface Retriever {
  /**
   * @returns passages of all stores by score, best first
   * @throws {ApiError} 404 if a store is not the key's
   */
  search(query: RetrieverQuery): Promise<readonly FoundPassage[]>;
  /**
   * Checks that all stores are the key's, without a search. If omitted, an unknown store is found out at the search only, which a
   * request with `when: "unsure"` may never make.
   *
   * @throws {ApiError} 404 if a store is not the key's
   */
  checkStores?(query: Pick<RetrieverQuery, 'key' | 'stores'>): Promise<void>;
}
