import type { Confidence } from './confidence.ts';

/** Why the thinking of a request ended. */
export type EndReason = 'model' | 'budget' | 'deadline' | 'loop' | 'load' | 'shutdown' | 'sure' | 'disabled';

/** Why the thinking stayed below its minimum. */
export type MinimumMissed =
  /** A deadline, a loop or the load cut the thinking before it reached the minimum. */
  | 'cut'
  /** The server ended segments although `min_tokens` masks their end. */
  | 'server_ignores_min_tokens';

/** One intervention in the output. `at` is its position, in tokens of the thinking (or of the answer, for a `resume` in it). */
export type ForcingEvent =
  /** The end was suppressed and the wait text appended. `tokens`: number of appended tokens. `text`: set if Waits have several texts. */
  | { readonly kind: 'wait'; readonly at: number; readonly tokens: number; readonly text?: string }
  /** The end was suppressed by masking it; nothing was appended. */
  | { readonly kind: 'suppress'; readonly at: number }
  /** The end was not made a "Wait", since the confidence `value` was not below its threshold. */
  | { readonly kind: 'wait_skipped'; readonly at: number; readonly value: number }
  /** A short answer was probed. `value`: its confidence, if the server gives log-probabilities. */
  | { readonly kind: 'probe'; readonly at: number; readonly value?: number }
  /** The model was unsure of its thought, and passages were appended. `tokens`: their number of tokens. `value`: the confidence. */
  | { readonly kind: 'retrieval'; readonly at: number; readonly tokens: number; readonly value: number }
  /** The thinking was cut. `tokens`: number of tokens appended to open the answer. `soft`: at the end of a sentence or a line. */
  | { readonly kind: 'cut'; readonly at: number; readonly tokens: number; readonly soft?: true }
  /** A call failed, and a new one continued from the ids so far. */
  | { readonly kind: 'resume'; readonly at: number };

/** The limits in force, in the model's own tokens. */
export interface Limits {
  /** Minimum thinking tokens. 0: no minimum. */
  readonly minTokens: number;
  /** Maximum thinking tokens, over all segments together. 0: the answer begins at once. */
  readonly maxTokens: number;
  /**
   * Maximum number of appended "Wait"s. With a minimum, ends below it are suppressed: the first `waits` of them with "Wait",
   * further ones by masking the end. Without a minimum, the first `waits` ends are suppressed, at any length.
   */
  readonly waits: number;
  /** Maximum sampled answer tokens. Tokens that were forced into the answer do not count. */
  readonly maxAnswerTokens: number;
}

/**
 * The token account of one sample. It adds up in every case:
 * `sampled - discarded + forced = thinking + answer + delimiter + probe + aborted`.
 * Retrieved tokens are input, as the prompt is: they are in no other count, and no limit of the output counts them.
 */
export interface ForcingReport {
  /** Tokens between the thinking delimiters, forced "Wait"s included. */
  readonly thinkingTokens: number;
  /** Sampled tokens of the answer. */
  readonly answerTokens: number;
  /** Forced tokens outside the thinking: those that closed it and opened the answer. */
  readonly delimiterTokens: number;
  /** Thinking and answer together. */
  readonly completionTokens: number;
  readonly promptTokens: number;
  /** Tokens that the model sampled. */
  readonly sampledTokens: number;
  /** Appended tokens: "Wait"s and delimiters. */
  readonly forcedTokens: number;
  /** Sampled tokens that were dropped: end tokens, and tokens that the server sent after them. */
  readonly discardedTokens: number;
  /** Tokens of passages that were appended to the thought, with what marks them. Those in the prompt are in `promptTokens`. */
  readonly retrievedTokens: number;
  /** Tokens that were sampled to ask whether the thinking can end, and are not part of the output. */
  readonly probeTokens: number;
  /** Number of such questions. */
  readonly probes: number;
  /** Confidence in the thought since its last "Wait". `undefined` if it is not measured or has no token. Final when the thinking ended. */
  readonly confidence: Confidence | undefined;
  /** The same of the plan's `gateMeasure`, 0 to 1. */
  readonly gateConfidence: number | undefined;
  /** Why rules by confidence were off: the server gave no log-probabilities, or their measure has no threshold. */
  readonly gatesOff: 'no_logprobs' | 'no_threshold' | undefined;
  /**
   * Tokens of a sample that ended before its answer was complete; it then has no thinking and no answer tokens. Tokens of hedged calls
   * that were aborted. Else 0.
   */
  readonly abortedTokens: number;
  /** `undefined` while the thinking is running. */
  readonly endReason: EndReason | undefined;
  readonly waits: number;
  /** Number of calls of the model. */
  readonly segments: number;
  readonly minimumMissed: MinimumMissed | undefined;
  /** Why the answer ended; `undefined` while it is running. */
  readonly finishReason: 'stop' | 'length' | undefined;
  /** What ended the answer before its end or its maximum, if anything did. */
  readonly answerCutBy?: 'deadline' | undefined;
  /** The request's stop text that ended the answer, if one did. */
  readonly stopText: string | undefined;
  readonly limits: Limits;
  readonly events: readonly ForcingEvent[];
}
