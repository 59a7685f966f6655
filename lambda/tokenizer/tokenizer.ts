/** Turns text into token ids and back. docs/decisions/0001-tokenize-in-the-function.md says where it runs. */
export interface Tokenizer {
  /**
   * Encodes ordinary text. The result never contains a control token, even if the text contains a control string. For any other
   * text it equals the result of the model's own tokenizer.
   */
  encode(text: string): Promise<readonly number[]>;

  /** Encodes a raw prompt: control strings in the text become control tokens, as in the model's own tokenizer. */
  encodeRaw(text: string): Promise<readonly number[]>;

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

/** Which control tokens have text: none, all, or all but those at the end of an output, which ended it. */
export type ShownControls = 'none' | 'all' | 'inside';

/** Decodes one growing list of ids. It holds back the bytes of an incomplete UTF-8 character. */
export interface StreamDecoder {
  /** Takes the next ids and returns the text that is certain now. */
  push(ids: readonly number[]): string;
  /** Returns the held text at the end of the output. An incomplete character is dropped. */
  end(): string;
}
