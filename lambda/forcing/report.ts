/** Why the thinking of a request ended. */
export type EndReason = 'model' | 'budget' | 'deadline' | 'loop' | 'load' | 'disabled';

/** Why a thought stayed below its minimum. */
export type MinimumMissed =
  /** The thinking was cut from outside (deadline, loop, load) before it got there. */
  | 'cut'
  /** The server ends a segment although `min_tokens` masks its end. */
  | 'server_ignores_min_tokens';

/** One thing that was done to the thinking, at a place in it. */
export type ForcingEvent =
  /** The end was suppressed and the wait text appended. `tokens`: how many were appended. */
  | { readonly kind: 'wait'; readonly at: number; readonly tokens: number }
  /** The end was suppressed by masking it; nothing was appended. */
  | { readonly kind: 'suppress'; readonly at: number }
  /** The thinking was ended by force. `tokens`: how many were appended to make the model answer. `soft`: at the end of a sentence or a line. */
  | { readonly kind: 'cut'; readonly at: number; readonly tokens: number; readonly soft?: true }
  /** A call broke off and the thought (or the answer) went on in a new one from the ids so far. */
  | { readonly kind: 'resume'; readonly at: number };

/** The limits in force, in tokens of the model. */
export interface Limits {
  /** Thinking tokens: at least. 0 is none. */
  readonly minTokens: number;
  /** Thinking tokens: at most, over all segments together. 0 answers at once. */
  readonly maxTokens: number;
  /**
   * How often "Wait" may be appended. With a minimum it is a cap: ends below the minimum are suppressed, this many of them
   * with "Wait", further ones by masking the end. Without a minimum every end is suppressed until this many were.
   */
  readonly waits: number;
  /** Answer tokens: at most, what was forced into the answer not counted. */
  readonly maxAnswerTokens: number;
}

/**
 * The account of one request. It adds up: `sampled - discarded + forced = thinking + answer + delimiter`.
 */
export interface ForcingReport {
  /** Tokens between the delimiters, forced "Wait" included. */
  readonly thinkingTokens: number;
  /** Sampled tokens of the answer. */
  readonly answerTokens: number;
  /** Forced tokens that are neither thinking nor sampled: what closed the thinking and opened the answer. */
  readonly delimiterTokens: number;
  /** Thinking and answer together. */
  readonly completionTokens: number;
  readonly promptTokens: number;
  /** Tokens that the model gave. */
  readonly sampledTokens: number;
  /** Tokens that we appended: waits and delimiters. */
  readonly forcedTokens: number;
  /** Sampled tokens that were dropped: ends, and what a server sent beyond them. */
  readonly discardedTokens: number;
  /** `undefined` while the thinking is not over. */
  readonly endReason: EndReason | undefined;
  readonly waits: number;
  /** Calls of the model. */
  readonly segments: number;
  readonly minimumMissed: MinimumMissed | undefined;
  /** Why the answer ended; `undefined` while it is not over. */
  readonly finishReason: 'stop' | 'length' | undefined;
  /** The caller's stop text that ended the answer, where one did. */
  readonly stopText: string | undefined;
  readonly limits: Limits;
  readonly events: readonly ForcingEvent[];
}
