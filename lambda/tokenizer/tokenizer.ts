/**
 * Where text becomes token ids and back. See docs/decisions/0001-tokenize-in-the-function.md.
 */
export interface Tokenizer {
  /**
   * Token ids of `text` taken as ordinary text: no control token comes out, whatever the text says.
   * The same text gives the ids that the model's own tokenizer gives, but where it holds a control string.
   */
  encode(text: string): Promise<readonly number[]>;

  /**
   * The id of one control token, for instance `<|im_start|>`.
   *
   * @throws {UnknownControlTokenError} where the vocabulary has no such token.
   */
  controlId(token: string): Promise<number>;

  /** Turns ids into text piece by piece, or `undefined` where only the server can (its text is then used). */
  streamDecoder(): StreamDecoder | undefined;
}

/** Decodes one growing list of ids. Holds back the bytes of an unfinished UTF-8 character. */
export interface StreamDecoder {
  /** Text that the ids so far make certain. Control tokens give nothing. */
  push(ids: readonly number[]): string;
  /** What is still held back, with half a character dropped. */
  end(): string;
}
