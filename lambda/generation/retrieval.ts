/** When documents are looked up: before the thinking, or once the model is unsure of its thought. */
type RetrievalTime = 'before' | 'unsure';

/** The documents that a request allows the generation to read. */
export interface RetrievalOptions {
  /** Ids of the stores. */
  readonly stores: readonly string[];
  /** Maximum tokens of all passages together. */
  readonly maxTokens: number;
  /** Maximum number of passages. */
  readonly maxResults: number;
  /** Minimum score of a passage, 0 to 1. */
  readonly scoreThreshold: number;
  /** The text to look up. If omitted, the last user message. */
  readonly query?: string;
  readonly when: RetrievalTime;
}

/** What was looked up for a generation. */
export interface RetrievalAccount {
  readonly when: RetrievalTime;
  /** Tokens of all passages together. */
  readonly tokens: number;
  /** Duration of the search, in milliseconds. */
  readonly searchMs: number;
  readonly passages: readonly {
    readonly id: string;
    readonly fileId: string;
    readonly score: number;
    readonly tokens: number;
  }[];
}
