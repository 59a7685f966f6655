import type { StreamDecoder } from '../tokenizer/tokenizer.ts';
import type { PieceLogprob } from './piece-logprob.ts';
import type { SegmentPiece } from './plan.ts';
import { PROBE_TOKENS, type ProbeAnswer } from './probe-rule.ts';

/** A short answer while it is sampled from the thinking so far. It is not part of the output. */
export class RunningProbe {
  readonly #decoder: StreamDecoder | undefined;
  readonly #ends: readonly number[];
  #text = '';
  #logprobSum = 0;
  #measured = 0;
  #tokens = 0;
  #ended = false;

  /** @param ends tokens that end the answer */
  constructor(ends: readonly number[], newDecoder: (() => StreamDecoder) | undefined) {
    this.#ends = ends;
    this.#decoder = newDecoder?.();
  }

  /** Sampled tokens, without the end token. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Whether the first line is complete. */
  get over(): boolean {
    return this.#ended || this.#tokens >= PROBE_TOKENS || this.#hasLine;
  }

  get #hasLine(): boolean {
    return this.#text.trimStart().includes('\n');
  }

  /** Takes a piece. Returns the number of its tokens that belong to the probe. */
  push({ tokenIds, text, logprobs = [] }: SegmentPiece): number {
    let kept = 0;
    for (const [index, id] of tokenIds.entries()) {
      if (this.over) break;
      if (this.#ends.includes(id)) {
        this.#ended = true;
        break;
      }
      kept++;
      this.#tokens++;
      if (this.#decoder !== undefined) this.#text += this.#decoder.push([id]);
      this.#measure(logprobs[index]);
    }
    if (this.#decoder === undefined) this.#text += text;
    return kept;
  }

  /** The result. `byModel`: whether the model ended the answer. */
  end(byModel: boolean): ProbeAnswer {
    const complete = byModel || this.#ended || this.#hasLine;
    const text = (this.#text + (this.#decoder?.end() ?? '')).trimStart().split('\n')[0]?.trimEnd() ?? '';
    const confidence =
      this.#tokens > 0 && this.#measured === this.#tokens ? Math.exp(this.#logprobSum / this.#tokens) : undefined;
    return { text, complete, confidence };
  }

  #measure(logprob: PieceLogprob | undefined): void {
    if (logprob === undefined || Number.isNaN(logprob.logprob)) return;
    this.#measured++;
    this.#logprobSum += Math.min(0, logprob.logprob);
  }
}
