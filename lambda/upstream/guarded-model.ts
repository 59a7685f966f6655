import type { CircuitBreaker } from './circuit-breaker.ts';
import {
  ModelFailedError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
  StreamBrokenError,
} from './errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';

/** Reports the outcome of each call to the breaker of its upstream. */
export class GuardedModel implements SegmentModel {
  readonly #model: SegmentModel;
  readonly #breaker: CircuitBreaker;

  constructor(model: SegmentModel, breaker: CircuitBreaker) {
    this.#model = model;
    this.#breaker = breaker;
  }

  async *run(request: SegmentRequest, options: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    const call = this.#breaker.begin();
    let started = false;
    try {
      for await (const chunk of this.#model.run(request, options)) {
        if (!started) call.succeeded();
        started = true;
        yield chunk;
      }
    } catch (error) {
      if (!options.signal.aborted && isFailureOfUpstream(error, started)) call.failed(retryAfterMs(error));
      throw error;
    } finally {
      call.ended();
    }
  }
}

/**
 * Whether an error counts against the upstream. Rejected requests, wrong credentials and names do not: another request, or a changed
 * deployment, may be fine. Neither does an endpoint at zero copies, which says so at once and has to be called to wake up.
 */
function isFailureOfUpstream(error: unknown, started: boolean): boolean {
  // A stream that reached its limit of 8 minutes, or any other after its first chunk, was served.
  if (error instanceof ModelTimeoutError) return !started;
  return (
    error instanceof ModelUnavailableError ||
    error instanceof ModelThrottledError ||
    error instanceof ModelFailedError ||
    error instanceof StreamBrokenError
  );
}

function retryAfterMs(error: unknown): number {
  const seconds =
    error instanceof ModelUnavailableError || error instanceof ModelThrottledError ? error.retryAfterSeconds : 0;
  return (seconds ?? 0) * 1_000;
}
