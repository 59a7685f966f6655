/** A text of the client that the tokenizer cannot encode, or not within its limits. Its message says what to change. */
export class UnencodableTextError extends Error {
  override readonly name = 'UnencodableTextError';
}
