import type { Attributes, FoundPassage, Passage } from './passage.ts';

/** A comparison or a combination of filters, as OpenAI's `filters` of a search. */
export type Filter =
  | {
      readonly type: 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte';
      readonly key: string;
      readonly value: string | number | boolean;
    }
  | { readonly type: 'in' | 'nin'; readonly key: string; readonly value: readonly (string | number)[] }
  | { readonly type: 'and' | 'or'; readonly filters: readonly Filter[] };

/** A search of one store. */
export interface IndexQuery {
  readonly text: string;
  readonly filter?: Filter;
  /** 1 to 50. */
  readonly limit: number;
  /** Shares of embedding and text in the score, if the index has both. */
  readonly hybrid?: { readonly embeddingWeight: number; readonly textWeight: number };
}

/** Where passages are kept and searched. A store of another kind is one more implementation of this. */
export interface PassageIndex {
  /** Writes passages of one file. A passage with the same id is replaced. */
  put(storeId: string, passages: readonly Passage[]): Promise<void>;
  /** Deletes passages by id. An id that is not there is no error. */
  remove(storeId: string, ids: readonly string[]): Promise<void>;
  /** Changes the attributes of passages. */
  setAttributes(storeId: string, ids: readonly string[], attributes: Attributes): Promise<void>;
  /** @returns those of the passages that are there, in the order of the ids */
  get(storeId: string, ids: readonly string[]): Promise<readonly Passage[]>;
  /** @returns passages by score, best first */
  search(storeId: string, query: IndexQuery): Promise<readonly FoundPassage[]>;
  /** Deletes a store with all its passages. */
  removeStore(storeId: string): Promise<void>;
}

/** Turns texts into vectors of one length. `kind` tells apart what is searched with from what is searched. */
export interface Embedder {
  readonly dimensions: number;
  embed(texts: readonly string[], kind: 'query' | 'passage'): Promise<readonly Float32Array[]>;
}
