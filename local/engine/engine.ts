/** What runs tokens: llama.cpp, or a script in tests. */
export interface Engine {
  /** Prompt and completion together. Tokens. */
  readonly contextTokens: number;
  /** Ends that the model has by itself, besides the request's (vLLM merges the two). */
  readonly endIds: ReadonlySet<number>;
  /**
   * Samples tokens until an end, `maxTokens`, or the abort, which is obeyed at the next token. Waits in line where all places are
   * taken. The first value is how much of the prompt was evaluated; each further one a token.
   */
  generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined>;
  /** Text as ids; `parseControls`: whether control strings in it become control tokens, as with vLLM. */
  tokenize(text: string, parseControls: boolean): readonly number[];
  /** Ids as text, control tokens written out. Bytes that are no character are U+FFFD. */
  detokenize(ids: readonly number[]): string;
  stats(): EngineStats;
  close(): Promise<void>;
}

export interface EngineRequest {
  /** At least one id. */
  readonly promptIds: readonly number[];
  /** 1 or more; with the prompt no more than the context. */
  readonly maxTokens: number;
  /** While fewer tokens came, no end is sampled. */
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
  /** 0 is greedy. */
  readonly temperature: number;
  readonly topP: number;
  /** 0 or less: all. */
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
  readonly seed: number | undefined;
  /** Asks for each token's probability, and for so many of the likeliest. */
  readonly topLogprobs?: number;
  /** Holds the text to a form, from its first token on. */
  readonly structure?: TextStructure;
}

/** JSON, or JSON of a schema. */
export type TextStructure =
  | { readonly kind: 'json_object' }
  | { readonly kind: 'json_schema'; readonly schema: Readonly<Record<string, unknown>> };

/** A structure that the engine cannot hold a text to. */
export class UnknownStructureError extends Error {
  override readonly name = 'UnknownStructureError';
}

export type EngineEvent =
  | { readonly kind: 'prompt'; readonly evaluated: number; readonly cached: number }
  | { readonly kind: 'token'; readonly id: number; readonly logprobs?: EngineLogprobs };

/** Natural logarithms of probabilities, after temperature and the other settings. */
export interface EngineLogprobs {
  readonly own: number;
  /** The likeliest, in order. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

export interface EngineStats {
  readonly active: number;
  readonly queued: number;
  readonly promptTokensEvaluated: number;
  readonly promptTokensCached: number;
  readonly generatedTokens: number;
}
