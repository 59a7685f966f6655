import { ApiError } from '../errors/api-error.ts';

/** Reason of the signal that cuts thoughts at a shutdown. */
export const SHUTDOWN = 'shutdown';

/**
 * The end of a server process: no request is admitted any more, running thoughts are cut so that their answers can end in the grace
 * time, and what still runs after it fails by name. A Lambda function needs none: Lambda ends an environment only between requests.
 */
export class Shutdown {
  readonly #cut = new AbortController();
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();

  /** Aborts with the reason SHUTDOWN when thoughts have to end. */
  get cutThinking(): AbortSignal {
    return this.#cut.signal;
  }

  /** Aborts with an ApiError when requests have to end. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get begun(): boolean {
    return this.#cut.signal.aborted;
  }

  /** Number of generations that run or settle. */
  get running(): number {
    return this.#running.size;
  }

  /** Begins the grace time. */
  begin(): void {
    this.#cut.abort(SHUTDOWN);
  }

  /** Ends the grace time. Resolves when every generation has settled. */
  async end(): Promise<void> {
    this.begin();
    this.#stop.abort(stopped('The server stopped before the answer was complete. Retry the request.'));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** @throws {ApiError} 503 if the shutdown has begun */
  refuseIfBegun(): void {
    if (this.begun) throw stopped('The server is stopping. Retry the request.');
  }

  /** Passes the events of a generation on, and counts it as running until they are settled. */
  async *tracked<Event>(events: AsyncGenerator<Event>): AsyncGenerator<Event> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.add(promise);
    try {
      yield* events;
    } finally {
      this.#running.delete(promise);
      resolve();
    }
  }
}

function stopped(message: string): ApiError {
  return new ApiError(503, message, { code: 'server_stopping', headers: { 'retry-after': '5', connection: 'close' } });
}
