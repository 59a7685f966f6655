import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CompletionsModel } from '../../../lambda/upstream/completions-model.ts';
import { ModelError } from '../../../lambda/upstream/errors.ts';
import { readCompletionStream } from '../../../lambda/upstream/read-completion-stream.ts';
import { SageMakerModel } from '../../../lambda/upstream/sagemaker-model.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from '../../../lambda/upstream/segment-model.ts';
import { type ContainerEndpoint, startContainerEndpoint } from '../../../local/endpoint/container-endpoint.ts';
import type { Fault } from '../../../local/endpoint/faults.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { runtimeErrors } from '../../../local/endpoint/runtime-errors.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';
import { runs } from '../../property-runs.ts';
import { bytes, IM_END } from '../forcing/tiny-vocabulary.ts';

const says = [...bytes('né'), IM_END];
const engine = scriptedEngine(says);
let endpoint: LocalEndpoint;
let containerEndpoint: ContainerEndpoint;
let sageMaker: SegmentModel;
let behindContainer: SegmentModel;
let completions: SegmentModel;

const request: SegmentRequest = {
  promptIds: [5, 6],
  maxTokens: 50,
  minTokens: 0,
  stopTokenIds: [IM_END],
  sampling: { temperature: 0.5, topP: 0.9, seed: 3 },
};

beforeAll(async () => {
  endpoint = await startLocalEndpoint({ engine, endpointName: 'e', inferenceComponentName: 'c', servedModelName: 'm' });
  const names = { endpointName: 'e', inferenceComponentName: 'c' };
  containerEndpoint = await startContainerEndpoint({ ...names, containerUrl: endpoint.url });
  sageMaker = new SageMakerModel(clientOf(endpoint.url), { ...names, servedModelName: 'm' });
  behindContainer = new SageMakerModel(clientOf(containerEndpoint.url), { ...names, servedModelName: 'm' });
  completions = new CompletionsModel({ baseUrl: `${endpoint.url}/v1`, servedModelName: 'm' });
});
afterAll(async () => {
  await containerEndpoint.close();
  await endpoint.close();
});
beforeEach(() => endpoint.faults.clear());

function clientOf(url: string): SageMakerRuntimeClient {
  return new SageMakerRuntimeClient({
    endpoint: url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
}

async function run(
  model: SegmentModel,
  changes: Partial<SegmentRequest> = {},
  signal = new AbortController().signal,
): Promise<SegmentChunk[]> {
  const chunks: SegmentChunk[] = [];
  for await (const chunk of model.run({ ...request, ...changes }, { signal })) chunks.push(chunk);
  return chunks;
}

describe.each([
  ['SageMakerModel', () => sageMaker],
  ['CompletionsModel', () => completions],
  ['SageMakerModel, with a container behind the endpoint,', () => behindContainer],
])('%s', (name, model) => {
  it(`${name} yields chunks of ids and text, the last with finish reason and prompt usage`, async () => {
    const chunks = await run(model());
    expect(chunks.flatMap((chunk) => chunk.tokenIds)).toEqual(says);
    expect(chunks.map((chunk) => chunk.text).join('')).toBe('né');
    expect(chunks.at(-1)).toMatchObject({
      finishReason: 'stop',
      stopReason: IM_END,
      promptUsage: { total: 2, cached: 0 },
    });
    expect(chunks.slice(0, -1).every((chunk) => chunk.finishReason === undefined)).toBe(true);
  });

  it(`${name} ends a segment by length at its maximum`, async () => {
    expect((await run(model(), { maxTokens: 2 })).at(-1)).toMatchObject({ finishReason: 'length' });
  });

  it(`${name} sends every field of the request`, async () => {
    await run(model(), { minTokens: 1 });
    expect(engine.requests.at(-1)).toMatchObject({
      promptIds: [5, 6],
      maxTokens: 50,
      minTokens: 1,
      temperature: 0.5,
      topP: 0.9,
      seed: 3,
      stopTokenIds: [IM_END],
    });
  });

  it.each([
    ['a stream that ends silently', { breakAfterChunks: 2, breakBy: 'silent' }, 'model_stream_broken'],
    ['a reset socket', { breakAfterChunks: 2, breakBy: 'socket' }, 'model_stream_broken'],
    ['chunks without token ids', { omitTokenIds: true }, 'model_failed'],
  ] as const)(`${name} throws a ModelError on %s`, async (_what, fault: Fault, code) => {
    endpoint.faults.next(fault);
    await expect(run(model())).rejects.toMatchObject({ code });
  });

  it.each([
    ['an unknown field', { extraField: true }],
    ['many tokens in a chunk', { tokensPerChunk: 3 }],
  ])(`${name} accepts %s`, async (_what, fault) => {
    endpoint.faults.next(fault);
    expect((await run(model())).flatMap((chunk) => chunk.tokenIds)).toEqual(says);
  });

  it(`${name} rejects with the reason of its signal, and the engine stops`, async () => {
    endpoint.faults.next({ tokenDelayMs: 5 });
    const abort = new AbortController();
    const running = run(model(), { stopTokenIds: [], maxTokens: 900 }, abort.signal);
    setTimeout(() => abort.abort(new Error('enough')), 30);
    await expect(running).rejects.toThrow('enough');
    await expect.poll(() => endpoint.stats().active).toBe(0);
    await expect(run(model(), {}, AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });

  it(`${name} ends the call if its consumer stops reading`, async () => {
    endpoint.faults.next({ tokenDelayMs: 5 });
    for await (const _chunk of model().run(
      { ...request, stopTokenIds: [], maxTokens: 900 },
      { signal: new AbortController().signal },
    ))
      break;
    await expect.poll(() => endpoint.stats().active).toBe(0);
  });
});

describe('errors of SageMaker Runtime', () => {
  it.each([
    ['no capacity', runtimeErrors.noCapacity(), 'model_no_capacity', 503, true],
    [
      'another ValidationError',
      runtimeErrors.validation('Endpoint e of account 1 not found.'),
      'model_misconfigured',
      500,
      false,
    ],
    [
      'a 400 of the container',
      runtimeErrors.model(400, '{"error":{"message":"too long"}}'),
      'model_rejected_request',
      400,
      false,
    ],
    ['a 429 of the container', runtimeErrors.model(429, ''), 'rate_limit_exceeded', 429, true],
    ['a 500 of the container', runtimeErrors.model(500, 'boom'), 'model_failed', 502, true],
    ['a 503 of the container', runtimeErrors.model(503, ''), 'model_unavailable', 503, true],
    ['ModelNotReadyException', runtimeErrors.modelNotReady(), 'model_unavailable', 503, true],
    ['ServiceUnavailable', runtimeErrors.serviceUnavailable(), 'model_unavailable', 503, true],
    ['InternalFailure', runtimeErrors.internalFailure(), 'model_failed', 502, true],
    ['InternalDependencyException', runtimeErrors.internalDependency(), 'model_unavailable', 503, true],
    [
      'ThrottlingException, which has no class in the SDK,',
      runtimeErrors.throttling(),
      'rate_limit_exceeded',
      429,
      true,
    ],
    ['AccessDeniedException', runtimeErrors.accessDenied(), 'model_misconfigured', 500, false],
  ])('%s becomes a ModelError', async (_name, error, code, status, retryable) => {
    endpoint.faults.next({ error });
    const failure: unknown = await run(sageMaker).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ModelError);
    expect(failure).toMatchObject({ code, status, retryable });
  });

  it.each([
    ['ModelInvocationTimeExceeded', 'model_timeout'],
    ['StreamBroken', 'model_stream_broken'],
    ['InternalStreamFailure', 'model_stream_broken'],
    ['corrupt', 'model_stream_broken'],
  ] as const)('%s in the stream becomes an error that can be retried', async (breakBy, code) => {
    endpoint.faults.next({ breakAfterChunks: 1, breakBy });
    await expect(run(sageMaker)).rejects.toMatchObject({ code, retryable: true });
  });

  it.each([
    [400, 'model_rejected_request'],
    [429, 'rate_limit_exceeded'],
    [500, 'model_failed'],
    [503, 'model_unavailable'],
  ])('A status %i of a container becomes the ModelError %s', async (status, code) => {
    endpoint.faults.next({ error: { status, type: '', body: { error: { message: 'too long' } } } });
    await expect(run(behindContainer)).rejects.toMatchObject({ code });
  });

  it('a container that cannot be reached becomes an error that can be retried', async () => {
    const gone = await startContainerEndpoint({ endpointName: 'e', containerUrl: 'http://127.0.0.1:9' });
    const model = new SageMakerModel(clientOf(gone.url), { endpointName: 'e' });
    await expect(run(model)).rejects.toMatchObject({ code: 'model_unavailable', retryable: true });
    await gone.close();
  });

  it('a stream beyond the time limit of SageMaker becomes ModelInvocationTimeExceeded', async () => {
    const limitsMs = { call: 60, stream: 60 };
    const slow = await startContainerEndpoint({ endpointName: 'e', containerUrl: endpoint.url, limitsMs });
    endpoint.faults.next({ tokenDelayMs: 30 });
    const model = new SageMakerModel(clientOf(slow.url), { endpointName: 'e' });
    await expect(run(model, { stopTokenIds: [] })).rejects.toMatchObject({ code: 'model_timeout', retryable: true });
    await expect.poll(() => endpoint.stats().active).toBe(0);
    await slow.close();
  });

  it('a server that cannot be reached becomes ModelUnavailableError', async () => {
    const unreachable = new CompletionsModel({ baseUrl: 'http://127.0.0.1:9/v1', servedModelName: 'm' });
    await expect(run(unreachable)).rejects.toMatchObject({ code: 'model_unavailable' });
  });
});

describe('readCompletionStream', () => {
  const recorded = [
    'data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"caf","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":[1,2],"token_ids":[10]}]}\n\n',
    'data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"é 🤔","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":[11,12]}]}\n\n',
    'data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop","stop_reason":151645,"prompt_token_ids":null,"token_ids":[151645]}]}\n\n',
    'data: {"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":2,"total_tokens":6,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":1}}}\n\n',
    'data: [DONE]\n\n',
  ].join('');

  it('readCompletionStream parses the same chunks for any cut of the bytes', async () => {
    const whole = Buffer.from(recorded, 'utf8');
    const expected = await read([whole]);
    expect(expected.map((chunk) => chunk.text).join('')).toBe('café 🤔');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 12 }), async (cuts) => {
        const places = [0, ...new Set(cuts.toSorted((a, b) => a - b)), whole.length];
        const parts = places.slice(1).map((end, index) => whole.subarray(places[index], end));
        expect(await read(parts)).toEqual(expected);
      }),
      { numRuns: runs(500), seed: 7 },
    );
  });

  it.each([
    ['an error object in the stream', 'data: {"error":{"message":"engine died","code":500}}\n\n', 'model_failed'],
    ['a rejection in the stream', 'data: {"error":{"message":"too long","code":400}}\n\n', 'model_rejected_request'],
    [
      'an aborted request',
      'data: {"choices":[{"text":"","token_ids":[],"finish_reason":"abort"}]}\n\n',
      'model_stream_broken',
    ],
    ['[DONE] without a finish reason', 'data: [DONE]\n\n', 'model_stream_broken'],
    ['a page of HTML', 'data: <html>\n\n', 'model_failed'],
  ])('readCompletionStream throws a ModelError on %s', async (_what, text, code) => {
    await expect(read([Buffer.from(text)])).rejects.toMatchObject({ code });
  });

  async function read(parts: readonly Uint8Array[]): Promise<SegmentChunk[]> {
    const chunks: SegmentChunk[] = [];
    for await (const chunk of readCompletionStream(from(parts))) chunks.push(chunk);
    return chunks;
  }

  async function* from(parts: readonly Uint8Array[]) {
    yield* parts;
  }
});
