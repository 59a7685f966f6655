import { afterEach, describe, expect, it, vi } from 'vitest';
import { CircuitBreaker } from '../../../lambda/upstream/circuit-breaker.ts';
import {
  ModelError,
  ModelFailedError,
  ModelMisconfiguredError,
  ModelRejectedError,
  ModelThrottledError,
  ModelTimeoutError,
  ModelUnavailableError,
  NoCapacityError,
  StreamBrokenError,
  TokensMismatchError,
} from '../../../lambda/upstream/errors.ts';
import { GuardedModel } from '../../../lambda/upstream/guarded-model.ts';
import { HedgedModel } from '../../../lambda/upstream/hedged-model.ts';
import { IdleLimitedModel } from '../../../lambda/upstream/idle-limited-model.ts';
import { upstreamName } from '../../../lambda/upstream/registry.ts';
import type { SegmentChunk, SegmentModel } from '../../../lambda/upstream/segment-model.ts';
import { statusToError } from '../../../lambda/upstream/status-to-error.ts';

const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };
const { signal } = new AbortController();
afterEach(() => void vi.useRealTimers());

/** A model that yields chunks of these sizes, in tokens, and then throws. */
function saying(sizes: readonly number[], error?: unknown): SegmentModel {
  return {
    async *run(): AsyncGenerator<SegmentChunk> {
      for (const size of sizes) yield { tokenIds: Array.from({ length: size }, () => 1), text: '' };
      if (error !== undefined) throw error;
    },
  };
}

async function drain(model: SegmentModel) {
  let tokens = 0;
  for await (const { tokenIds } of model.run(request, { signal })) tokens += tokenIds.length;
  return tokens;
}

describe('the errors of a model', () => {
  it.each<[ModelError, number, string, boolean]>([
    [new NoCapacityError('x'), 503, 'model_no_capacity', true],
    [new ModelUnavailableError('x'), 503, 'model_unavailable', true],
    [new ModelThrottledError('x'), 429, 'rate_limit_exceeded', true],
    [new ModelTimeoutError('x'), 504, 'model_timeout', true],
    [new StreamBrokenError('x'), 502, 'model_stream_broken', true],
    [new TokensMismatchError(1, 2), 502, 'model_tokens_mismatch', false],
    [new ModelRejectedError('x'), 400, 'model_rejected_request', false],
    [new ModelFailedError('x'), 502, 'model_failed', true],
    [new ModelMisconfiguredError('x'), 500, 'model_misconfigured', false],
  ])('have a status and a code for the client, and whether a retry may help: %s', (error, status, code, retryable) => {
    expect(error).toMatchObject({ status, code, retryable, name: error.constructor.name });
    expect(error).toBeInstanceOf(ModelError);
  });

  it.each([
    ['The model server failed (status 500): host gpu-7', 'host gpu-7', 'The model server failed (status 500).'],
    ['Twice gpu-7 and gpu-7', 'gpu-7', 'Twice  and.'],
    ['Nothing of it.', 'gpu-7', 'Nothing of it.'],
    ['Nothing of it.', '', 'Nothing of it.'],
  ])('show "%s" without what the server wrote', (message, serverMessage, publicMessage) => {
    expect(new ModelFailedError(message, { serverMessage }).publicMessage).toBe(publicMessage);
    expect(new ModelFailedError('Plain.').publicMessage).toBe('Plain.');
  });

  it('have a cause and a time to retry only if they are known', () => {
    const cause = new Error('why');
    expect(new ModelThrottledError('x', { cause, retryAfterSeconds: 0 })).toMatchObject({
      cause,
      retryAfterSeconds: 0,
    });
    expect(Object.hasOwn(new ModelThrottledError('x'), 'cause')).toBe(false);
  });
});

describe('the status of a model server', () => {
  it.each([
    [401, "The model server rejected the function's credentials (status 401). Check the API key of the upstream."],
    [403, "The model server rejected the function's credentials (status 403). Check the API key of the upstream."],
    [404, 'The model server has no such model or route (status 404): said'],
    [408, 'The model server timed out (status 408).'],
    [504, 'The model server timed out (status 504).'],
    [429, 'The model server is throttling: it has too many requests.'],
    [503, 'The model server is starting or overloaded.'],
    [418, 'The model server rejected the request (status 418): said'],
    [500, 'The model server failed (status 500): said'],
  ])('%d has a sentence', (status, message) => {
    const error = statusToError(status, 'said', 9);
    expect(error.message).toBe(message);
    expect(error.retryAfterSeconds).toBe(status === 429 || status === 503 ? 9 : undefined);
    expect(error.serverMessage).toBe(message.endsWith('said') ? 'said' : undefined);
    expect(error.publicMessage).not.toContain('said');
  });

  it.each([
    ['{"error":{"message":"of OpenAI"}}', 'of OpenAI'],
    ['{"error":"of others"}', 'of others'],
    ['{"message":"of AWS"}', 'of AWS'],
    ['{"detail":"of FastAPI"}', 'of FastAPI'],
    ['{"else":1}', '{"else":1}'],
    ['plain text', 'plain text'],
    ['', 'no message'],
    ['x'.repeat(300), 'x'.repeat(300)],
    ['x'.repeat(301), `${'x'.repeat(300)}…`],
  ])('has the message of the body %s', (body, message) => {
    expect(statusToError(400, body).serverMessage).toBe(message);
  });
});

describe('a guarded call', () => {
  const rules = { failures: 1, windowMs: 1_000, openMs: 1_000, maxOpenMs: 1_000_000 };

  it.each<[ModelError, number]>([
    [new ModelThrottledError('x', { retryAfterSeconds: 60 }), 60_000],
    [new ModelUnavailableError('x', { retryAfterSeconds: 7 }), 7_000],
    [new ModelThrottledError('x'), 1_000],
    // What other errors ask for is no request to be left alone.
    [new ModelFailedError('x', { retryAfterSeconds: 60 }), 1_000],
  ])('leaves an upstream alone for as long as it asks: %s', async (error, ms) => {
    let now = 0;
    const breaker = new CircuitBreaker(() => now, undefined, rules);
    await expect(drain(new GuardedModel(saying([], error), breaker))).rejects.toBe(error);
    now = ms - 1;
    expect(breaker.available).toBe(false);
    now = ms;
    expect(breaker.available).toBe(true);
  });

  it('counts as one success, however many chunks it has', async () => {
    const breaker = new CircuitBreaker(() => 0, undefined, { ...rules, failures: 2 });
    expect(await drain(new GuardedModel(saying([1, 1, 1, 1]), breaker))).toBe(4);
    for (let count = 0; count < 2; count++) {
      await drain(new GuardedModel(saying([], new ModelFailedError('x')), breaker)).catch(() => undefined);
    }
    // Two failures of three outcomes.
    expect(breaker.available).toBe(false);
  });

  it('of which the outcome is as old as the window is forgotten', () => {
    let now = 0;
    const breaker = new CircuitBreaker(() => now, undefined, { ...rules, failures: 2 });
    breaker.begin().failed();
    now = 1_000;
    breaker.begin().failed();
    expect(breaker.available).toBe(true);
    now = 1_999;
    breaker.begin().failed();
    expect(breaker.available).toBe(false);
  });
});

describe('a call that falls silent', () => {
  const silentAfter = (chunks: number): SegmentModel => ({
    async *run() {
      for (let count = 0; count < chunks; count++) yield { tokenIds: [1], text: '' };
      await new Promise(() => {});
    },
  });
  const messageOf = async (chunks: number, idleMs?: number, afterMs = 0) => {
    vi.useFakeTimers();
    const failed = drain(new IdleLimitedModel(silentAfter(chunks), idleMs)).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(afterMs - 1);
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    const error = await failed;
    return error instanceof ModelError ? error.message : error;
  };

  it('says how long it was silent, before and after its first chunk', async () => {
    expect(await messageOf(0, 1_500, 7_500)).toBe('The model server sent no first chunk within 7.5 s.');
    expect(await messageOf(1, 1_500, 1_500)).toBe('The model server sent nothing for 1.5 s in mid-stream.');
  });

  it('ends after a minute if nothing else is set', async () => {
    expect(await messageOf(1, undefined, 60_000)).toBe('The model server sent nothing for 60 s in mid-stream.');
    expect(await messageOf(0, undefined, 300_000)).toBe('The model server sent no first chunk within 300 s.');
  });
});

describe('a hedged call', () => {
  it('has the tokens of the slower first chunk, if both came', async () => {
    const gate = Promise.withResolvers<void>();
    const gated = (size: number, turns: number): SegmentModel => ({
      async *run() {
        await gate.promise;
        for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        yield { tokenIds: Array.from({ length: size }, () => 1), text: '' };
      },
    });
    const second: SegmentModel = {
      run(given, options) {
        setTimeout(gate.resolve, 1);
        return gated(3, 0).run(given, options);
      },
    };
    const hedged = new HedgedModel(gated(2, 0), second, 1);
    await drain(hedged);
    expect(hedged.outcome).toEqual({ winner: 'first', abortedTokens: 3, failure: undefined });
  });

  it('names only failures of the model', async () => {
    const opened = Promise.withResolvers<void>();
    const first: SegmentModel = {
      // biome-ignore lint/correctness/useYield: It fails before its first chunk.
      async *run() {
        await opened.promise;
        throw new Error('odd');
      },
    };
    const second: SegmentModel = {
      async *run() {
        opened.resolve();
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield { tokenIds: [1], text: '' };
      },
    };
    const hedged = new HedgedModel(first, second, 1);
    expect(await drain(hedged)).toBe(1);
    expect(hedged.outcome).toEqual({ winner: 'second', abortedTokens: 0, failure: undefined });
  });
});

describe('the name of an upstream in metrics', () => {
  it('is that of the endpoint, or the host of the server', () => {
    expect(upstreamName({ kind: 'sagemaker', endpointName: 'e' })).toBe('e');
    const server = {
      kind: 'openai-compatible',
      baseUrl: 'https://gpu.example.com:8000/v1',
      servedModelName: 'm',
    } as const;
    expect(upstreamName(server)).toBe('gpu.example.com:8000');
  });
});
