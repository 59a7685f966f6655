import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { NO_CAPACITY_MESSAGE, runtimeErrors } from '../../local/endpoint/runtime-errors.ts';
import { bytes, END_OF_TEXT, IM_END } from '../lambda/forcing/tiny-vocabulary.ts';
import { scriptedEngine } from './scripted-engine.ts';

const open: LocalEndpoint[] = [];
afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.close();
});

async function endpointThatSays(says: readonly number[], options: { partBytes?: number } = {}) {
  const engine = scriptedEngine(says);
  const endpoint = await startLocalEndpoint({
    engine,
    endpointName: 'e',
    inferenceComponentName: 'c',
    servedModelName: 'm',
    ...options,
  });
  open.push(endpoint);
  const client = new SageMakerRuntimeClient({
    endpoint: endpoint.url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
  const target = { EndpointName: 'e', InferenceComponentName: 'c', ContentType: 'application/json' };
  return {
    engine,
    endpoint,
    invoke: (body: unknown, more: object = {}) =>
      client.send(new InvokeEndpointCommand({ ...target, Body: JSON.stringify(body), ...more })),
    stream: (body: object, more: object = {}, options: { abortSignal?: AbortSignal } = {}) =>
      client.send(
        new InvokeEndpointWithResponseStreamCommand({
          ...target,
          Body: JSON.stringify({ stream: true, ...body }),
          ...more,
        }),
        options,
      ),
  };
}

type Body = Awaited<ReturnType<Awaited<ReturnType<typeof endpointThatSays>>['stream']>>['Body'];

async function textOf(body: Body): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const event of body ?? []) if (event.PayloadPart?.Bytes !== undefined) parts.push(event.PayloadPart.Bytes);
  return Buffer.concat(parts).toString('utf8');
}

async function chunksOf(body: Body): Promise<unknown[]> {
  return (await textOf(body))
    .split('\n\n')
    .filter((line) => line.startsWith('data: {'))
    .map((line) => JSON.parse(line.slice(6)));
}

describe('The local endpoint, called by the real SDK client', () => {
  it("InvokeEndpoint returns the container's completion", async () => {
    const { invoke } = await endpointThatSays([...bytes('hi'), IM_END]);
    const answer = await invoke({ prompt: [1, 2], max_tokens: 9, stop_token_ids: [IM_END], return_token_ids: true });
    expect(answer.InvokedProductionVariant).toBe('AllTraffic');
    expect(JSON.parse(new TextDecoder().decode(answer.Body))).toMatchObject({
      object: 'text_completion',
      choices: [
        {
          text: 'hi',
          finish_reason: 'stop',
          stop_reason: IM_END,
          token_ids: [...bytes('hi'), IM_END],
          prompt_token_ids: [1, 2],
        },
      ],
      usage: { prompt_tokens: 2, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 0 } },
    });
  });

  it("a stream consists of vLLM's chunks: prompt ids only in the first, then deltas, usage and [DONE]", async () => {
    const { stream } = await endpointThatSays([...bytes('né'), END_OF_TEXT]);
    const { Body } = await stream({
      prompt: [7],
      max_tokens: 9,
      return_token_ids: true,
      stream_options: { include_usage: true },
    });
    const text = await textOf(Body);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    const chunks = text
      .split('\n\n')
      .filter((line) => line.startsWith('data: {'))
      .map((line) => JSON.parse(line.slice(6)));
    expect(chunks).toMatchObject([
      { choices: [{ text: 'n', token_ids: [110], prompt_token_ids: [7], finish_reason: null }] },
      // An incomplete character gives no text yet.
      { choices: [{ text: '', token_ids: [0xc3], prompt_token_ids: null }] },
      { choices: [{ text: 'é', token_ids: [0xa9] }] },
      { choices: [{ text: '', token_ids: [END_OF_TEXT], finish_reason: 'stop', stop_reason: null }] },
      { choices: [], usage: { prompt_tokens: 1, completion_tokens: 4 } },
    ]);
  });

  it.each([1, 2, 3, 7, 64])('the stream has the same bytes in payload parts of %i bytes', async (partBytes) => {
    const { stream } = await endpointThatSays([...bytes('né🤔'), END_OF_TEXT], { partBytes });
    const { Body } = await stream({ prompt: [7], max_tokens: 12, return_token_ids: true });
    const chunks = await chunksOf(Body);
    expect(chunks.map((chunk) => JSON.stringify(chunk)).join('')).toContain('🤔');
  });

  it("completions have vLLM's defaults and limits", async () => {
    const { stream, engine } = await endpointThatSays([]);
    const chunks = await chunksOf((await stream({ prompt: [1] })).Body);
    expect(chunks).toHaveLength(16);
    await expect(stream({ prompt: [1], max_tokens: 1_000 })).rejects.toMatchObject({
      name: 'ModelError',
      OriginalStatusCode: 400,
      OriginalMessage: expect.stringContaining("This model's maximum context length is 1000 tokens."),
    });
    await expect(stream({ prompt: [1], best_of: 3 })).rejects.toMatchObject({
      name: 'ModelError',
      OriginalStatusCode: 400,
    });
    expect(engine.requests).toHaveLength(1);
  });

  it('a stop text cuts the text, but not the ids', async () => {
    const { invoke } = await endpointThatSays(bytes('one END two'));
    const answer = JSON.parse(
      new TextDecoder().decode(
        (await invoke({ prompt: [1], max_tokens: 50, stop: ['END'], return_token_ids: true })).Body,
      ),
    );
    expect(answer.choices[0]).toMatchObject({
      text: 'one ',
      finish_reason: 'stop',
      stop_reason: 'END',
      token_ids: bytes('one END'),
    });
  });

  it('a custom attribute selects another route of the container', async () => {
    const { invoke } = await endpointThatSays([]);
    const tokens = await invoke({ prompt: 'ab' }, { CustomAttributes: 'route=/tokenize' });
    expect(JSON.parse(new TextDecoder().decode(tokens.Body))).toMatchObject({
      count: 2,
      tokens: [97, 98],
      max_model_len: 1_000,
    });
    await expect(invoke({}, { CustomAttributes: 'route=/nowhere' })).rejects.toMatchObject({ OriginalStatusCode: 404 });
  });

  it('calls to another endpoint or component are rejected', async () => {
    const { stream } = await endpointThatSays([]);
    await expect(stream({ prompt: [1] }, { EndpointName: 'other' })).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('Endpoint other of account 111122223333 not found'),
    });
    await expect(stream({ prompt: [1] }, { InferenceComponentName: 'other' })).rejects.toMatchObject({
      name: 'ValidationError',
    });
  });

  it.each([
    [runtimeErrors.noCapacity(), 'ValidationError', { message: NO_CAPACITY_MESSAGE }],
    [
      runtimeErrors.model(503, 'busy'),
      'ModelError',
      { OriginalStatusCode: 503, OriginalMessage: 'busy', LogStreamArn: expect.any(String) },
    ],
    [runtimeErrors.modelNotReady(), 'ModelNotReadyException', {}],
    [runtimeErrors.serviceUnavailable(), 'ServiceUnavailable', {}],
    [runtimeErrors.internalFailure(), 'InternalFailure', {}],
    [runtimeErrors.internalDependency(), 'InternalDependencyException', {}],
    [runtimeErrors.throttling(), 'ThrottlingException', {}],
    [runtimeErrors.accessDenied(), 'AccessDeniedException', {}],
  ])('a queued error is returned before the first byte, as AWS does: %#', async (error, name, fields) => {
    const { endpoint, stream } = await endpointThatSays([]);
    endpoint.faults.next({ error });
    await expect(stream({ prompt: [1] })).rejects.toMatchObject({ name, ...fields });
    await expect(stream({ prompt: [1] })).resolves.toBeDefined();
  });

  it.each([
    ['StreamBroken', { name: 'ModelStreamError', ErrorCode: 'StreamBroken' }],
    ['ModelInvocationTimeExceeded', { name: 'ModelStreamError', ErrorCode: 'ModelInvocationTimeExceeded' }],
    ['InternalStreamFailure', { name: 'InternalStreamFailure' }],
    ['corrupt', { message: expect.stringMatching(/checksum/i) }],
    ['socket', { message: expect.anything() }],
  ] as const)('a stream breaks off by %s', async (breakBy, error) => {
    const { endpoint, stream } = await endpointThatSays([]);
    endpoint.faults.next({ breakAfterChunks: 3, breakBy });
    const { Body } = await stream({ prompt: [1] });
    await expect(textOf(Body)).rejects.toMatchObject(error);
  });

  it('the generation stops when the client disconnects', async () => {
    const { endpoint, stream } = await endpointThatSays([]);
    endpoint.faults.next({ tokenDelayMs: 5 });
    const abort = new AbortController();
    const { Body } = await stream({ prompt: [1], max_tokens: 900 }, {}, { abortSignal: abort.signal });
    const reading = textOf(Body);
    setTimeout(() => abort.abort(), 50);
    await expect(reading).rejects.toThrow();
    await expect.poll(() => endpoint.stats().active).toBe(0);
    expect(endpoint.stats().generatedTokens).toBeLessThan(100);
  });
});
