import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { FormatIds, OutputPrefix } from './format.ts';
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
  /** Minimum of tokens of an answer that the prefix begins: its end is masked below it. @default 0 */
  readonly minAnswerTokens?: number;
  /** Creates a decoder that makes text from ids. If omitted, the text of the model server is used. */
  readonly newDecoder?: () => StreamDecoder;
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
export interface MovedPlan extends Pick<ForcingPlan, 'format' | 'wait' | 'contextTokens' | 'newDecoder'> {
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
