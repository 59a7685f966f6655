/** Maximum of sampled tokens of a probe. A longer answer decides nothing. */
export const PROBE_TOKENS = 24;

/** Thinking tokens before the first probe, and between two of them. */
const SPACING_TOKENS = 32;

/** The spacing grows to this share of the thinking so far, so the number of probes grows with its logarithm. */
const SPACING_SHARE = 0.25;

/** When the thinking ends because its answer is settled. */
export interface StopWhenSure {
  /** Lowest confidence of a probe that ends the thinking alone, 0 to 1: exp of the mean log-probability of its tokens. */
  readonly above: number;
  /** Number of successive probes with the same answer that end the thinking. Minimum: 2. */
  readonly agree: number;
  /** Forced after the opening of the answer, to get its short form. Empty if the format's own opening does that. */
  readonly hint: readonly number[];
  /** Field of the request that needs log-probabilities. If omitted, probes without them are judged by agreement alone. */
  readonly field?: string | undefined;
}

/** The outcome of a probe. */
export interface ProbeAnswer {
  /** Its first line, without spaces around it. */
  readonly text: string;
  /** Whether the answer or its first line ended within the probe's tokens. */
  readonly complete: boolean;
  /** `undefined` if the server gave no log-probabilities. */
  readonly confidence: number | undefined;
}

/** Thinking tokens from which the next probe may run, given those at the previous one. */
export function nextProbeAt(previous: number): number {
  return previous + Math.max(SPACING_TOKENS, Math.ceil(previous * SPACING_SHARE));
}

/**
 * Upper bound of the tokens of all probes of a thought.
 *
 * @param minTokens minimum of the thinking: no probe runs below it
 */
export function maxProbeTokens(minTokens: number, maxTokens: number): number {
  let probes = 0;
  for (let at = Math.max(minTokens, nextProbeAt(0)); at < maxTokens; at = nextProbeAt(at)) probes++;
  return probes * PROBE_TOKENS;
}

/** Decides from successive probes whether the thinking ends. An incomplete answer, and an empty one, decides nothing. */
export class ProbeRule {
  readonly #rule: StopWhenSure;
  #text: string | undefined;
  #agreeing = 0;

  constructor(rule: StopWhenSure) {
    this.#rule = rule;
  }

  /** Takes the next probe. Returns whether the thinking ends. */
  take({ text, complete, confidence }: ProbeAnswer): boolean {
    if (!complete || text === '') {
      this.forget();
      return false;
    }
    this.#agreeing = text === this.#text ? this.#agreeing + 1 : 1;
    this.#text = text;
    return this.#agreeing >= this.#rule.agree || (confidence !== undefined && confidence >= this.#rule.above);
  }

  /** Forgets the probes so far: one had no result. */
  forget(): void {
    this.#text = undefined;
    this.#agreeing = 0;
  }
}
