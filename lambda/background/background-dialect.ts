import type { AppDependencies } from '../context.ts';
import type { GenerationEvent } from '../generation/generation.ts';
import type { GenerationRequest, RunningGeneration } from '../generation/request.ts';
import type { StoredRequest } from './response-store.ts';
import type { StoredFailure, StoredResponse } from './stored-response.ts';

/** An event for the client, without its sequence number. */
export interface DialectEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The end of a response: its last events and its body. */
export interface WrittenEnd {
  readonly status: 'completed' | 'incomplete' | 'failed';
  readonly events: readonly DialectEvent[];
  readonly body: object;
}

/** Writes the events of a generation as a dialect has them. Its ids follow from the response's, so it writes the same again. */
export interface ResponseWriter {
  /** The output so far. */
  readonly output: readonly unknown[];
  /** Events that begin the response. */
  begin(): readonly DialectEvent[];
  take(event: GenerationEvent): readonly DialectEvent[];
  /** @param at Unix time of the end, in seconds */
  end(done: Extract<GenerationEvent, { readonly kind: 'done' }>, at: number): WrittenEnd;
}

/** How requests of a dialect run in the background. */
export interface BackgroundDialect {
  /** @throws {ApiError} if the deployment can no longer run the request */
  toGeneration(request: StoredRequest, dependencies: AppDependencies): GenerationRequest;
  writer(
    stored: StoredResponse,
    request: StoredRequest,
    run: RunningGeneration & Pick<GenerationRequest, 'tools'>,
  ): ResponseWriter;
  /** The end of a response that failed, with its output so far. */
  failed(
    stored: StoredResponse,
    request: StoredRequest,
    failure: StoredFailure,
    output: readonly unknown[],
  ): WrittenEnd;
}
