/** Inference engine: llama.cpp, or a script in tests. */
export interface Engine {
  /** Context window: prompt and completion together, in tokens. */
  readonly contextTokens: number;
  /** Number of token ids. Ids of a prompt are below it. */
  readonly vocabularySize: number;
  /** End-of-generation tokens of the model, in addition to the request's stop ids (vLLM merges the two). */
  readonly endIds: ReadonlySet<number>;
  /** Control tokens that do not end a generation. If omitted, there are none. */
  readonly controlIds?: ReadonlySet<number>;
  /**
   * Samples tokens until an end token, `maxTokens`, or the abort, which takes effect at the next token. Queues while all places
   * are taken. The first event reports the evaluated prompt; every further event is a token.
   */
  generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined>;
  /** Log-probabilities of each token of a prompt after its first, given the tokens before it. `top`: as in `EngineRequest`. */
  promptLogprobs(promptIds: readonly number[], top: number, signal: AbortSignal): Promise<readonly EngineLogprobs[]>;
  /** Encodes a text. If `parseControls` is set, control strings become control tokens, as with vLLM. */
  tokenize(text: string, parseControls: boolean): readonly number[];
  /** Decodes ids, with control tokens as text. Invalid bytes become U+FFFD. */
  detokenize(ids: readonly number[]): string;
  stats(): EngineStats;
  close(): Promise<void>;
}

export interface EngineRequest {
  /** At least one id. */
  readonly promptIds: readonly number[];
  /** Minimum: 1. Together with the prompt at most the context window. */
  readonly maxTokens: number;
  /** End tokens are masked until this many tokens are sampled. */
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0 or less keeps all tokens. */
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  /** Seed of this call (`callSeed`): each token is drawn from a hash of the sample's seed and the token's position. If `undefined`, random. */
  readonly seed: number | undefined;
  /** Number of most likely tokens to return with each token. If omitted, no log-probabilities are computed. */
  readonly topLogprobs?: number;
  /** Grammar that constrains the text from its first token on. */
  readonly structure?: TextStructure;
}

/** JSON, or JSON that conforms to a schema. */
export type TextStructure =
  | { readonly kind: 'json_object' }
  | { readonly kind: 'json_schema'; readonly schema: Readonly<Record<string, unknown>> };

/** A structure that the engine cannot enforce. */
export class UnknownStructureError extends Error {
  override readonly name = 'UnknownStructureError';
}

export type EngineEvent =
  | { readonly kind: 'prompt'; readonly evaluated: number; readonly cached: number }
  | { readonly kind: 'token'; readonly id: number; readonly logprobs?: EngineLogprobs };

/** Natural logarithms of probabilities, after temperature and the other sampling settings. */
export interface EngineLogprobs {
  readonly own: number;
  /** Most likely tokens, in descending order. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

export interface EngineStats {
  readonly active: number;
  readonly queued: number;
  readonly promptTokensEvaluated: number;
  readonly promptTokensCached: number;
  readonly generatedTokens: number;
}
