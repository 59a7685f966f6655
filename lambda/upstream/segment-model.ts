/**
 * One call of the model: the contract between the driver (lambda/generation) and the upstreams in this folder. Prompt and output
 * are token ids, so budgets are counted, never estimated.
 */

/** Sampling parameters. If a field is omitted, the model server's default applies. */
export interface Sampling {
  /** 0 (greedy) to 2. */
  readonly temperature?: number;
  /** Above 0, up to 1. */
  readonly topP?: number;
  /** 1 or more; -1: all tokens. vLLM's field, not OpenAI's. */
  readonly topK?: number;
  /** 0 to 1. vLLM's field. */
  readonly minP?: number;
  /** Above 0; 1: no penalty. vLLM's field. */
  readonly repetitionPenalty?: number;
  /** -2 to 2. */
  readonly frequencyPenalty?: number;
  /** -2 to 2. */
  readonly presencePenalty?: number;
  /** Any safe integer; of a call, 0 to 2^31 - 1. The same seed, prompt and parameters give the same tokens if the engine supports it. */
  readonly seed?: number;
}

/** Form that the output must have from its first character on. */
export type AnswerStructure =
  | { readonly kind: 'json_object' }
  /** A JSON schema, as far as the server's structured decoding supports it. */
  | { readonly kind: 'json_schema'; readonly schema: Readonly<Record<string, unknown>> };

/** Log-probability of a sampled token and of the most likely tokens in its place. Natural logarithms, 0 or less. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/** One segment to run: a text completion in vLLM's terms. */
export interface SegmentRequest {
  /** At least one token id. */
  readonly promptIds: readonly number[];
  /** 1 or more. */
  readonly maxTokens: number;
  /** 0 to `maxTokens`. Every stop id is masked until this many tokens are sampled. */
  readonly minTokens: number;
  /** Tokens that end the segment. The one that did comes last in the ids, without text. */
  readonly stopTokenIds: readonly number[];
  /** Texts that end the segment (the request's `stop`). Maximum: 4. */
  readonly stopTexts?: readonly string[];
  readonly sampling: Sampling;
  /** Number of most likely tokens whose log-probabilities come with each token, 0 to 20. If omitted, none come. */
  readonly topLogprobs?: number;
  /** Whether the log-probabilities of the prompt are returned as well. Requires `topLogprobs`. @default false */
  readonly promptLogprobs?: boolean;
  /** Whether the server's text leaves out control tokens. @default false */
  readonly skipControls?: boolean;
  /** Prompts share the server's prefix cache only with prompts of the same salt. If omitted, with all that have none. */
  readonly cacheSalt?: string;
  /** Form that decoding is constrained to. If omitted, any text. */
  readonly structure?: AnswerStructure;
}

/** A piece of a segment. `text` may lag behind `tokenIds`, so the two need not cover the same tokens. */
export interface SegmentChunk {
  readonly tokenIds: readonly number[];
  readonly text: string;
  /** One for each of `tokenIds`, if `topLogprobs` is set and the server supports it. */
  readonly logprobs?: readonly TokenLogprob[];
  /** One for each token of the prompt, on the first chunk, if `promptLogprobs` is set. Nothing predicts the first token. */
  readonly promptLogprobs?: readonly TokenLogprob[];
  /** On the last chunk only. `stop`: a stop id, a stop text or the model's own end token. `length`: `maxTokens`. */
  readonly finishReason?: 'stop' | 'length';
  /** With `stop`: the id or the text that ended the segment, if the server reports it. */
  readonly stopReason?: number | string;
  /** Prompt tokens, and those of them from the server's prefix cache, if it reports them. Usually on the last chunk. */
  readonly promptUsage?: { readonly total: number; readonly cached: number };
  /** Tokens of the whole call as the server counts them, if it reports them. On the last chunk only. */
  readonly reportedTokens?: number;
}

/** Runs segments on one model. */
export interface SegmentModel {
  /**
   * Runs one segment. Yields at least one chunk; the last has a `finishReason`. Leaving the loop early ends the call.
   *
   * @throws {ModelError} if the call fails. If `signal` aborts, throws its reason.
   */
  run(request: SegmentRequest, options: { readonly signal: AbortSignal }): AsyncIterable<SegmentChunk>;
}
