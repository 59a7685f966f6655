import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { ConfidenceMeasure } from './confidence.ts';
import type { FormatIds, OutputPrefix } from './format.ts';
import type { PieceLogprob } from './piece-logprob.ts';
import type { StopWhenSure } from './probe-rule.ts';
import type { Limits } from './report.ts';

/** The input of `BudgetForcing`: a request whose limits are settled (`settleLimits`) and whose text is token ids. */
export interface ForcingPlan {
  /** The conversation up to the assistant's turn, before the thinking is opened. At least one id. */
  readonly promptIds: readonly number[];
  readonly format: FormatIds;
  /** The beginning of the output, which the generation continues. If omitted, the output begins with the thinking. */
  readonly prefix?: ForcingPrefix | undefined;
  readonly limits: Limits;
  /** Appended when an end of the thinking is suppressed: "Wait" in the model's ids. At least one id if `limits.waits` > 0. */
  readonly wait: WaitText;
  /** Appended in place of `wait` from the second Wait on, one after the other; the last one repeats. If omitted, `wait` repeats. */
  readonly laterWaits?: readonly WaitText[];
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
  /**
   * Measure of the confidence in the thought since its last "Wait". `field`: the request's field that needs log-probabilities, for
   * the error if the server has none; if omitted, the rules that depend on it are then off. If `confidence` is omitted, it is not measured.
   */
  readonly confidence?: { readonly measure: ConfidenceMeasure; readonly field?: string | undefined };
  /**
   * Measure of a gate outside of the machine, such as that of a route, whose value is in the report (`gateConfidence`). If omitted, it
   * is not measured.
   */
  readonly gateMeasure?: ConfidenceMeasure;
  /** Confidence below which an end becomes "Wait", 0 to 1. Requires `confidence`. If omitted, the limits alone decide. */
  readonly waitBelow?: number;
  /** Why a rule by confidence of the defaults is off, for the report. If omitted, none is. */
  readonly gateOff?: 'no_threshold' | undefined;
  /**
   * Confidence at an end of the thinking, or at its maximum, below which the machine asks for passages, once. 0 to 1. `maxTokens`: their
   * most tokens, for which the window has room beside the limits. Requires `confidence`. If omitted, it never asks.
   */
  readonly lookUp?: { readonly below: number; readonly maxTokens: number };
  /** When the thinking ends since its answer is settled (never below the minimum). If omitted, no probe runs. */
  readonly stopWhenSure?: StopWhenSure;
  /** Minimum of tokens of an answer that the prefix begins: its end is masked below it. @default 0 */
  readonly minAnswerTokens?: number;
  /**
   * Minimum of completion tokens: below it, the end of the answer is masked. Infinity masks it up to the answer's maximum. Stop texts
   * end the answer all the same. @default 0
   */
  readonly minCompletionTokens?: number;
  /** Creates a decoder that makes text from ids. If omitted, the text of the model server is used. */
  readonly newDecoder?: () => StreamDecoder;
}

/** A text that is appended to the thinking, and its ids. */
export interface WaitText {
  readonly ids: readonly number[];
  readonly text: string;
}

/**
 * The beginning of an output in token ids. They are prompt tokens: no limit counts them, and neither does the account of the output.
 * None of their text is emitted. A loop may begin in them.
 */
export interface ForcingPrefix {
  /** The part that the generation continues. */
  readonly part: 'thinking' | 'answer';
  /** Follow `format.openThinking` in the thinking, and `promptIds` in the answer: then they contain the thinking and its delimiters. */
  readonly ids: readonly number[];
  /** The given text of this part. */
  readonly text: string;
}

/** The plan's prefix with these ids (see `encodePrefix`), or `undefined` if it has no text. */
export function toForcingPrefix(
  { thinking = '', answer = '' }: OutputPrefix,
  ids: readonly number[],
): ForcingPrefix | undefined {
  if (answer !== '') return { part: 'answer', ids, text: answer };
  return thinking === '' ? undefined : { part: 'thinking', ids, text: thinking };
}

/** Ids of the first segment's prompt that are not forced: the conversation, the opened thinking and the prefix. */
export function givenIds({
  promptIds,
  format,
  limits,
  prefix,
}: Pick<ForcingPlan, 'promptIds' | 'format' | 'prefix'> & { readonly limits: Pick<Limits, 'maxTokens'> }): number[] {
  const opens = prefix === undefined ? limits.maxTokens > 0 : prefix.part === 'thinking';
  return [...promptIds, ...(opens ? format.openThinking : []), ...(prefix?.ids ?? [])];
}

/** The text of an output so far: shown text, held text, and the newlines at its edges. Without a prefix, and without half a character. */
export interface WrittenText {
  /** The part that is running. */
  readonly part: 'thinking' | 'answer';
  readonly thinking: string;
  readonly answer: string;
}

/** Where an output goes on in another vocabulary (see `BudgetForcing.moveTo`). */
export interface MovedPlan
  extends Pick<ForcingPlan, 'format' | 'wait' | 'laterWaits' | 'contextTokens' | 'newDecoder'> {
  /** What a probe appends after the forced opening of an answer. If omitted, nothing. */
  readonly probeHint?: readonly number[];
  /** The prompt and the output so far, in the ids of the other vocabulary. */
  readonly ids: readonly number[];
  /** How many of the last ids are the running part of the output. */
  readonly partLength: number;
}

/** The segment to run next. The caller adds sampling. */
export interface NextSegment {
  readonly part: 'thinking' | 'answer';
  readonly promptIds: readonly number[];
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly stopTokenIds: readonly number[];
  /**
   * Log-probabilities that `push` needs with each token of this segment. If omitted, none: they may still come.
   * `top`: number of most likely tokens, 0 to 20. `field`: the request's field that needs them, for the error if the server has none;
   * if omitted, the segment may run without them.
   */
  readonly logprobs?: { readonly top: number; readonly field?: string | undefined };
  /** Set for a probe: a short answer, sampled greedily, that is not part of the output. */
  readonly probe?: true;
  readonly lookUp?: never;
}

/** The model is unsure of its thought: the caller looks documents up, then calls `takePassages`. No call of the model runs meanwhile. */
export interface LookUpStep {
  readonly part: 'thinking';
  /** Maximum tokens of the passages, with what marks them. */
  readonly lookUp: { readonly maxTokens: number };
}

/** What to do now. */
export type NextStep = NextSegment | LookUpStep;

/** Text that no later token can change. */
export interface Emission {
  readonly part: 'thinking' | 'answer';
  readonly text: string;
  /** Whether the text was appended, not sampled. */
  readonly forced: boolean;
  /** Tokens that were forced into the thinking here, and their text, of which an end may still be held back. If omitted, none. */
  readonly forcedTokens?: { readonly ids: readonly number[]; readonly text: string };
}

/** A piece of a segment, of any size. */
export interface SegmentPiece {
  readonly tokenIds: readonly number[];
  readonly text: string;
  /** One for each of `tokenIds`. If omitted, the segment runs without log-probabilities. */
  readonly logprobs?: readonly PieceLogprob[];
}
