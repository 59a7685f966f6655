/**
 * Confidence of a thought: the lowest probability of its sampled tokens, 0 to 1 (the measure `min_token`). Forced tokens do not count.
 */
export class LowestProbability {
  #lowest = Number.POSITIVE_INFINITY;
  #missing = false;

  /**
   * Adds the next tokens of the thought.
   *
   * @param tokens number of the tokens
   * @param logprobs their log-probabilities; fewer if the server gave none for some
   */
  add(tokens: number, logprobs: readonly { readonly logprob: number }[]): void {
    if (logprobs.length < tokens) this.#missing = true;
    for (const { logprob } of logprobs.slice(0, tokens)) this.#lowest = Math.min(this.#lowest, logprob);
  }

  /** `undefined` if there is no token, or one without a log-probability. */
  get value(): number | undefined {
    if (this.#missing || this.#lowest === Number.POSITIVE_INFINITY) return undefined;
    return Math.min(1, Math.exp(this.#lowest));
  }
}
