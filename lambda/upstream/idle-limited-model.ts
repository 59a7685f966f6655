import { ModelTimeoutError, StreamBrokenError } from './errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';

/** Default time between two chunks after which a call is idle, in milliseconds: longer than the prefill of another long prompt. */
const DEFAULT_IDLE_MS = 60_000;

/** How much longer than between chunks a call may be silent before its first chunk, which waits in a queue and for its prefill. */
const FIRST_CHUNK_FACTOR = 5;

/**
 * Ends calls of a model that fall silent, with an error that is retried from the ids so far. The time in which the consumer handles a
 * chunk does not count.
 */
export class IdleLimitedModel implements SegmentModel {
  readonly #model: SegmentModel;
  readonly #idleMs: number;

  /** @param idleMs maximum time between two chunks, in milliseconds. Before the first chunk, five times as long. */
  constructor(model: SegmentModel, idleMs: number = DEFAULT_IDLE_MS) {
    this.#model = model;
    this.#idleMs = idleMs;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    const idle = new AbortController();
    const call = this.#model.run(request, { signal: AbortSignal.any([signal, idle.signal]) });
    const chunks = call[Symbol.asyncIterator]();
    let first = true;
    try {
      for (;;) {
        const step = await this.#next(chunks, first, idle);
        if (step.done === true) return;
        yield step.value;
        first = false;
      }
    } finally {
      // The next chunk of a silent call is still pending, and `return` would wait for it.
      if (!idle.signal.aborted) await chunks.return?.();
    }
  }

  async #next(
    chunks: AsyncIterator<SegmentChunk>,
    first: boolean,
    idle: AbortController,
  ): Promise<IteratorResult<SegmentChunk>> {
    const silent = Promise.withResolvers<never>();
    const limitMs = first ? this.#idleMs * FIRST_CHUNK_FACTOR : this.#idleMs;
    const timer = setTimeout(() => {
      const seconds = limitMs / 1_000;
      const error = first
        ? new ModelTimeoutError(`The model server sent no first chunk within ${seconds} s.`)
        : new StreamBrokenError(`The model server sent nothing for ${seconds} s in mid-stream.`);
      silent.reject(error);
      idle.abort(error);
    }, limitMs);
    try {
      return await Promise.race([chunks.next(), silent.promise]);
    } finally {
      clearTimeout(timer);
    }
  }
}
