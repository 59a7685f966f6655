interface SoFar {
  readonly thinking: number;
  readonly answer: number;
}

/** Thinking and answer tokens of all samples of a request while they run. */
export class TokenCounts {
  readonly #samples: SoFar[] = [];

  /** Adds a sample. Returns the function that records its tokens so far. */
  add(): (soFar: SoFar) => void {
    const at = this.#samples.push({ thinking: 0, answer: 0 }) - 1;
    return (soFar) => {
      this.#samples[at] = soFar;
    };
  }

  total(): SoFar {
    return {
      thinking: this.#samples.reduce((sum, { thinking }) => sum + thinking, 0),
      answer: this.#samples.reduce((sum, { answer }) => sum + answer, 0),
    };
  }
}
