/** Turns text into token ids and back. docs/decisions/0001-tokenize-in-the-function.md says where it runs. */
export interface Tokenizer {
  /**
   * Encodes ordinary text. The result never contains a control token, even if the text contains a control string. For any other
   * text it equals the result of the model's own tokenizer.
   *
   * @throws {UnencodableTextError} if the text cannot be encoded within the limits of the tokenizer
   * @throws {TooManyTokensError} if the result would have more than `options.maxTokens`
   * @throws the abort reason of `options.signal`
   */
  encode(text: string, options?: EncodeOptions): Promise<readonly number[]>;

  /** Encodes a raw prompt: control strings in the text become control tokens, as in the model's own tokenizer. Throws as `encode`. */
  encodeRaw(text: string, options?: EncodeOptions): Promise<readonly number[]>;

  /**
   * Checks all texts of a request before any work: whether they can have at most `maxTokens` together, and are within the limits of the
   * tokenizer. If omitted, `encode` alone checks them.
   *
   * @throws {TooManyTokensError} if they certainly have more tokens
   * @throws {UnencodableTextError} if they exceed a limit of the tokenizer
   */
  checkTexts?(texts: readonly string[], maxTokens: number): void;

  /**
   * Returns a function that counts the tokens of ordinary text at once. If omitted, only the model server can tokenize.
   */
  counter?(): Promise<(text: string) => number>;

  /**
   * Returns the id of one control token, such as `<|im_start|>`.
   *
   * @throws {UnknownControlTokenError} if the vocabulary has no such token.
   */
  controlId(token: string): Promise<number>;

  /**
   * Creates a decoder of one output, or returns `undefined` if only the model server can decode; its text is then used.
   *
   * @param options.controls which control tokens have text. @default 'none'
   */
  streamDecoder(options?: { readonly controls?: ShownControls }): StreamDecoder | undefined;
}

export interface EncodeOptions {
  /** Stops the encoding. If omitted, it runs to its end. */
  readonly signal?: AbortSignal;
  /** Most tokens of the result. If omitted, any number. */
  readonly maxTokens?: number;
}

/** Which control tokens have text: none, all, or all but those at the end of an output, which ended it. */
export type ShownControls = 'none' | 'all' | 'inside';

/** Decodes one growing list of ids. It holds back the bytes of an incomplete UTF-8 character. */
export interface StreamDecoder {
  /** Takes the next ids and returns the text that is certain now. */
  push(ids: readonly number[]): string;
  /** Returns the held text at the end of the output. An incomplete character is dropped. */
  end(): string;
}
