import { ModelError } from './errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';

/** How a hedged call went. */
export interface HedgeOutcome {
  readonly winner: 'first' | 'second';
  /** Tokens of the other call that arrived before it was aborted. */
  readonly abortedTokens: number;
  /** The failure of the other call, if it failed before. */
  readonly failure: ModelError | undefined;
}

/** A call, and its first chunk. */
interface Call {
  readonly side: HedgeOutcome['winner'];
  readonly abort: AbortController;
  readonly chunks: AsyncIterator<SegmentChunk>;
  readonly first: Promise<IteratorResult<SegmentChunk>>;
  /** Tokens of the first chunk, once it has arrived. */
  tokens: number;
  failure: ModelError | undefined;
}

/**
 * Makes one call, and a second one at another upstream if the first gives no chunk in time. The first chunk decides: the other call is
 * aborted. If one call fails, the other decides. For one run: `outcome` is that of the last one.
 */
export class HedgedModel implements SegmentModel {
  readonly #models: { readonly first: SegmentModel; readonly second: SegmentModel };
  readonly #afterMs: number;
  #outcome: HedgeOutcome | undefined;

  /** @param afterMs time without a chunk after which the second call is made, in milliseconds */
  constructor(first: SegmentModel, second: SegmentModel, afterMs: number) {
    this.#models = { first, second };
    this.#afterMs = afterMs;
  }

  /** `undefined` if no second call was made. */
  get outcome(): HedgeOutcome | undefined {
    return this.#outcome;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    this.#outcome = undefined;
    const first = this.#start('first', request, signal);
    const calls = [first];
    let winner: Call | undefined;
    try {
      if (await this.#isSlow(first.first)) calls.push(this.#start('second', request, signal));
      winner = await firstOf(calls);
      const loser = calls.find((call) => call !== winner);
      if (loser !== undefined) {
        this.#outcome = { winner: winner.side, abortedTokens: loser.tokens, failure: loser.failure };
        leave(loser);
      }
      let step = await winner.first;
      while (step.done !== true) {
        yield step.value;
        step = await winner.chunks.next();
      }
    } finally {
      for (const call of calls) call.abort.abort();
      await winner?.chunks.return?.();
    }
  }

  #start(side: Call['side'], request: SegmentRequest, signal: AbortSignal): Call {
    const abort = new AbortController();
    const run = this.#models[side].run(request, { signal: AbortSignal.any([signal, abort.signal]) });
    const chunks = run[Symbol.asyncIterator]();
    const call: Call = { side, abort, chunks, first: chunks.next(), tokens: 0, failure: undefined };
    call.first.then(
      (step) => {
        call.tokens = step.done === true ? 0 : step.value.tokenIds.length;
      },
      (error: unknown) => {
        if (error instanceof ModelError) call.failure = error;
      },
    );
    return call;
  }

  /** Whether the first chunk does not come in time. A failure in time is not slow. */
  async #isSlow(first: Promise<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<true>((resolve) => {
      timer = setTimeout(resolve, this.#afterMs, true);
    });
    const settled = first.then(
      () => false,
      () => false,
    );
    try {
      return await Promise.race([late, settled]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The call whose first chunk came first. @throws the error of the first call if all fail */
async function firstOf(calls: readonly Call[]): Promise<Call> {
  try {
    return await Promise.any(calls.map(async (call) => call.first.then(() => call)));
  } catch (error) {
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

/** Aborts a call. Its end is not waited for, since a silent server would hold up the winner. */
function leave({ abort, chunks }: Call): void {
  abort.abort();
  Promise.resolve(chunks.return?.()).catch(() => undefined);
}
