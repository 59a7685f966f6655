import { completionRequestBody } from './completion-request.ts';
import {
  ModelError,
  ModelFailedError,
  ModelMisconfiguredError,
  ModelUnavailableError,
  StreamBrokenError,
} from './errors.ts';
import { networkCode } from './network-code.ts';
import { readCompletionStream } from './read-completion-stream.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from './segment-model.ts';
import { statusToError } from './status-to-error.ts';
import type { KeySource } from './upstream.ts';

/** Address of an OpenAI-compatible model server. */
export interface CompletionsTarget {
  /** URL that ends in `/v1`; `/completions` is appended. */
  readonly baseUrl: string;
  /** The `model` field of the body. */
  readonly servedModelName: string;
  /** Bearer key of the server. If omitted, no `authorization` header is sent. */
  readonly key?: KeySource | undefined;
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
      const response = await post(url, body, this.#target.key, signal);
      if (response.body === null) throw new ModelFailedError('The model server sent a response without a body.');
      // Leaving this loop cancels the body, and so the call.
      for await (const chunk of readCompletionStream(response.body, request)) {
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
      const response = await post(`${root}${route}`, JSON.stringify(body), target.key, signal);
      return await response.json();
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ModelError) throw error;
      const code = networkCode(error) ?? 'unknown error';
      throw new ModelUnavailableError(`The model server cannot be reached (${code}).`, { cause: error });
    }
  };
}

/** Posts the body. If the server rejects the key with 401 and a newer key is known, posts it once more with that key. */
async function post(
  url: string,
  body: string,
  source: KeySource | undefined,
  signal: AbortSignal | undefined,
): Promise<Response> {
  const key = await source?.current();
  let response = await postWith(key, url, body, signal);
  if (response.status === 401 && source !== undefined && key !== undefined) {
    const renewed = await source.renewed(key);
    if (renewed !== key) {
      await response.body?.cancel();
      response = await postWith(renewed, url, body, signal);
    }
  }
  if (response.ok) return response;
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    throw new ModelMisconfiguredError(
      `The model server redirects (status ${response.status}), but prompts go only to the address in the settings. Write the address that it redirects to as baseUrl.`,
    );
  }
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  throw statusToError(response.status, await response.text(), Number.isFinite(retryAfter) ? retryAfter : undefined);
}

async function postWith(
  key: string | undefined,
  url: string,
  body: string,
  signal: AbortSignal | undefined,
): Promise<Response> {
  signal?.throwIfAborted();
  return await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body,
    // A redirect could carry the prompt to another host.
    redirect: 'manual',
    ...(signal === undefined ? {} : { signal }),
  });
}
