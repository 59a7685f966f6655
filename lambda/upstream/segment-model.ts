/**
 * One call of the model: the contract between what decides (lambda/forcing) and what runs it (this folder).
 *
 * A prompt is always a list of token ids, and what comes back is token ids: budgets are counted, never estimated.
 */

/** How the next token is chosen. Every field is optional: the server's default stands where one is absent. */
export interface Sampling {
  /** 0 (greedy) to 2. */
  readonly temperature?: number;
  /** Above 0, up to 1. */
  readonly topP?: number;
  /** 1 or more; -1 is "all". vLLM's field, not OpenAI's. */
  readonly topK?: number;
  /** 0 to 1. vLLM's field. */
  readonly minP?: number;
  /** Above 0; 1 is none. vLLM's field. */
  readonly repetitionPenalty?: number;
  /** -2 to 2. */
  readonly frequencyPenalty?: number;
  /** -2 to 2. */
  readonly presencePenalty?: number;
  /** Any safe integer. The same seed, prompt and settings give the same tokens where the engine supports it. */
  readonly seed?: number;
}

/** The form that a text has to have, from its first character on. */
export type AnswerStructure =
  | { readonly kind: 'json_object' }
  /** A JSON schema, as far as the server's structured decoding understands it. */
  | { readonly kind: 'json_schema'; readonly schema: Readonly<Record<string, unknown>> };

/** How likely the model thought a token, and its likeliest others, as the server tells. Natural logarithms, 0 or less. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/** What to run: one text completion in vLLM's terms. */
export interface SegmentRequest {
  /** At least one token id. */
  readonly promptIds: readonly number[];
  /** 1 or more. */
  readonly maxTokens: number;
  /** 0 to maxTokens: while fewer tokens than this came, every stop id is masked. */
  readonly minTokens: number;
  /** A token that ends the segment. It comes last in the ids, and its text does not come. */
  readonly stopTokenIds: readonly number[];
  /** Text that ends the segment (the caller's `stop`), at most 4. */
  readonly stopTexts?: readonly string[];
  readonly sampling: Sampling;
  /** Asks for the logarithm of each token's probability, and for so many of the likeliest: 0 to 20. */
  readonly topLogprobs?: number;
  /** Decoding is held to this form. Absent: any text. */
  readonly structure?: AnswerStructure;
}

/** A piece of a segment. `tokenIds` and `text` of one chunk need not cover the same tokens: text may lag. */
export interface SegmentChunk {
  readonly tokenIds: readonly number[];
  readonly text: string;
  /** One for each of `tokenIds`, where they were asked for and the server gives them. */
  readonly logprobs?: readonly TokenLogprob[];
  /** On the last chunk only. `stop`: a stop id, a stop text or the model's own end. `length`: maxTokens. */
  readonly finishReason?: 'stop' | 'length';
  /** With `stop`: the id or the text that stopped it, where the server says. */
  readonly stopReason?: number | string;
  /** Prompt tokens that the server evaluated and took from its cache, where it says. Usually on the last chunk. */
  readonly promptUsage?: { readonly total: number; readonly cached: number };
}

/** Runs segments on one model. */
export interface SegmentModel {
  /**
   * Yields at least one chunk; the last has a `finishReason`.
   *
   * @throws {ModelError} one of the classes of `errors.ts`. An abort rejects with the signal's reason.
   */
  run(request: SegmentRequest, options: { readonly signal: AbortSignal }): AsyncIterable<SegmentChunk>;
}
