import type { WaitText } from '../forcing/plan.ts';
import type { Attributes } from '../retrieval/passage.ts';
import type { Filter, IndexQuery } from '../retrieval/passage-index.ts';

/** When documents are looked up: before the thinking, or once the model is unsure of its thought. */
type RetrievalTime = 'before' | 'unsure';

/** The documents that a request allows the generation to read. */
export interface RetrievalOptions {
  /** Ids of the stores. At least one. */
  readonly stores: readonly string[];
  /** Maximum tokens of the block of passages, in the tokens of the model that reads it. */
  readonly maxTokens: number;
  /** Maximum number of passages, 1 to 50. */
  readonly maxResults: number;
  /** Minimum score of a passage, 0 to 1. */
  readonly scoreThreshold: number;
  /** The text to look up. If omitted, the last user message. */
  readonly query?: string;
  readonly filter?: Filter;
  readonly hybrid?: IndexQuery['hybrid'];
  readonly when: RetrievalTime;
}

/** A passage in the block that the model read. */
export interface PlacedPassage {
  readonly id: string;
  readonly fileId: string;
  readonly storeId: string;
  readonly filename: string;
  readonly titlePath: readonly string[];
  readonly text: string;
  readonly attributes: Attributes;
  readonly score: number;
  readonly tokens: number;
}

/** What was looked up for a generation. */
export interface RetrievalAccount {
  readonly when: RetrievalTime;
  /** The text that was looked up. */
  readonly query: string;
  /** Tokens of the block: its passages, and what marks them. 0 if it has no passage. */
  readonly tokens: number;
  /** Duration of the search, in milliseconds. */
  readonly searchMs: number;
  /** By score, best first: the passage `[n]` of the block has the index n - 1. */
  readonly passages: readonly PlacedPassage[];
  /** Number of passages that were found and not placed, because the block would exceed its maximum. */
  readonly leftOut: number;
  /** Code of the failure, if the search failed while the model was thinking. It then went on without passages. */
  readonly failure?: string;
}

/** Looks documents up for a thought, in the ids of one model. */
export interface LookUp {
  readonly query: string;
  /** Never fails unless `signal` aborts: a failure is part of the account. */
  readonly find: (signal: AbortSignal) => Promise<{
    /** `undefined`: nothing was found, nothing fits, or the search failed. */
    readonly text: WaitText | undefined;
    readonly account: RetrievalAccount;
  }>;
}
