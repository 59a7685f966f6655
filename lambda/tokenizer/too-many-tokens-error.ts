/** Thrown by a tokenizer as soon as it is certain that a text has more tokens than `EncodeOptions.maxTokens`. */
export class TooManyTokensError extends Error {
  override readonly name = 'TooManyTokensError';
  constructor() {
    super('The text has more tokens than allowed. Shorten it.');
  }
}
