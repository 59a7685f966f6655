import { completionRequestBody } from './completion-request.ts';
import { ModelError, ModelFailedError, ModelUnavailableError, StreamBrokenError } from './errors.ts';
import { readCompletionStream } from './read-completion-stream.ts';
import { networkCode } from './sagemaker-errors.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';
import { statusToError } from './status-to-error.ts';

/** Address of an OpenAI-compatible model server. */
export interface CompletionsTarget {
  /** URL that ends in `/v1`; `/completions` is appended. */
  readonly baseUrl: string;
  /** The `model` field of the body. */
  readonly servedModelName: string;
  /** Bearer token of the server. If omitted, no `authorization` header is sent. */
  readonly apiKey?: string | undefined;
}

/** Runs segments on an OpenAI-compatible server of text completions that supports vLLM's extra fields. */
export class CompletionsModel implements SegmentModel {
  readonly #target: CompletionsTarget;

  constructor(target: CompletionsTarget) {
    this.#target = target;
  }

  async *run(request: SegmentRequest, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<SegmentChunk> {
    let started = false;
    try {
      const url = `${this.#target.baseUrl.replace(/\/+$/, '')}/completions`;
      const body = completionRequestBody(request, this.#target.servedModelName);
      const response = await post(url, body, this.#target.apiKey, signal);
      if (response.body === null) throw new ModelFailedError('The model server sent a response without a body.');
      // Leaving this loop cancels the body, and so the call.
      for await (const chunk of readCompletionStream(response.body)) {
        started = true;
        yield chunk;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const code = networkCode(error) ?? (error instanceof Error ? error.message : 'unknown error');
      throw started
        ? new StreamBrokenError(`The stream of the model server broke (${code}).`, { cause: error })
        : new ModelUnavailableError(`The model server cannot be reached (${code}).`, { cause: error });
    }
  }
}

/** Returns a function that calls a route of the same server outside `/v1`, such as vLLM's `/tokenize`. */
export function httpRoute(target: CompletionsTarget) {
  const root = target.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '');
  return async (route: '/tokenize', body: unknown, signal?: AbortSignal): Promise<unknown> => {
    try {
      const response = await post(`${root}${route}`, JSON.stringify(body), target.apiKey, signal);
      return await response.json();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const code = networkCode(error) ?? 'unknown error';
      throw new ModelUnavailableError(`The model server cannot be reached (${code}).`, { cause: error });
    }
  };
}

async function post(url: string, body: string, apiKey: string | undefined, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
    body,
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.ok) return response;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  throw statusToError(response.status, await response.text(), Number.isFinite(retryAfter) ? retryAfter : undefined);
}
