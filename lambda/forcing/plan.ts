import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { FormatIds } from './format.ts';
import type { Limits } from './report.ts';

/** The input of `BudgetForcing`: a request whose limits are settled (`settleLimits`) and whose text is token ids. */
export interface ForcingPlan {
  /** The conversation up to the assistant's turn, before the thinking is opened. At least one id. */
  readonly promptIds: readonly number[];
  readonly format: FormatIds;
  readonly limits: Limits;
  /** Appended when an end of the thinking is suppressed: "Wait" in the model's ids. At least one id if `limits.waits` > 0. */
  readonly wait: { readonly ids: readonly number[]; readonly text: string };
  /** The model's context window, prompt and completion together, in tokens. */
  readonly contextTokens: number;
  /** Maximum of thinking and answer together, in tokens. Delimiters do not count. If omitted, each has its own limit only. */
  readonly maxCompletionTokens?: number;
  /** The request's `stop` texts: each ends the answer and is not part of it. */
  readonly stopTexts?: readonly string[];
  /**
   * Share of the maximum, 0 to 1, from which on the thinking ends with the next sentence or line (never below the minimum), so
   * that the hard cut at the maximum is rare. If omitted, only the hard cut ends it.
   */
  readonly softLanding?: number;
  /** Whether to cut thinking that repeats itself (never below the minimum). @default false */
  readonly detectLoops?: boolean;
  /** Creates a decoder that makes text from ids. If omitted, the text of the model server is used. */
  readonly newDecoder?: () => StreamDecoder;
}

/** The segment to run next. The caller adds sampling. */
export interface NextSegment {
  readonly part: 'thinking' | 'answer';
  readonly promptIds: readonly number[];
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly stopTokenIds: readonly number[];
}

/** Text that no later token can change. */
export interface Emission {
  readonly part: 'thinking' | 'answer';
  readonly text: string;
  /** Whether the text was appended, not sampled. */
  readonly forced: boolean;
}

/** A piece of a segment, of any size. */
export interface SegmentPiece {
  readonly tokenIds: readonly number[];
  readonly text: string;
}
