/** Thrown by `Tokenizer.controlId` if the model's vocabulary lacks a control token. */
export class UnknownControlTokenError extends Error {
  override readonly name = 'UnknownControlTokenError';
  constructor(token: string) {
    super(
      `The tokenizer has no control token ${JSON.stringify(token)}: the format does not fit the model. Choose the format of the model's family, or give the tokenizer.json of this model.`,
    );
  }
}
