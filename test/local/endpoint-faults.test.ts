import {
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../local/endpoint/faults.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { runtimeErrors } from '../../local/endpoint/runtime-errors.ts';
import { bytes, IM_END } from '../lambda/forcing/tiny-vocabulary.ts';
import { scriptedEngine } from './scripted-engine.ts';

const open: LocalEndpoint[] = [];
afterEach(async () => {
  for (const endpoint of open.splice(0)) await endpoint.close();
});

async function endpointWith(...faults: readonly Fault[]) {
  const endpoint = await startLocalEndpoint({
    engine: scriptedEngine([...bytes('hi'), IM_END]),
    endpointName: 'e',
    inferenceComponentName: 'c',
    servedModelName: 'm',
    faultsRoute: true,
  });
  open.push(endpoint);
  endpoint.faults.next(...faults);
  return endpoint;
}

const clientOf = ({ url }: LocalEndpoint) =>
  new SageMakerRuntimeClient({
    endpoint: url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
const target = { EndpointName: 'e', InferenceComponentName: 'c', ContentType: 'application/json' };
const body = { prompt: [1], max_tokens: 9, stop_token_ids: [IM_END], return_token_ids: true };

async function invoke(endpoint: LocalEndpoint, text: string, attributes?: string) {
  const { Body } = await clientOf(endpoint).send(
    new InvokeEndpointCommand({ ...target, Body: text, ...(attributes && { CustomAttributes: attributes }) }),
  );
  return JSON.parse(new TextDecoder().decode(Body));
}

async function stream(endpoint: LocalEndpoint, given: object = body): Promise<string> {
  const { Body } = await clientOf(endpoint).send(
    new InvokeEndpointWithResponseStreamCommand({ ...target, Body: JSON.stringify({ stream: true, ...given }) }),
  );
  const parts: Uint8Array[] = [];
  for await (const event of Body ?? []) if (event.PayloadPart?.Bytes !== undefined) parts.push(event.PayloadPart.Bytes);
  return Buffer.concat(parts).toString('utf8');
}

const post = async ({ url }: LocalEndpoint, path: string, given: unknown) =>
  await fetch(`${url}${path}`, { method: 'POST', body: typeof given === 'string' ? given : JSON.stringify(given) });
const chunksOf = (text: string) => text.split('\n\n').filter((line) => line.startsWith('data: {'));

describe('faults of each route', () => {
  it.each([
    ['noCapacity', 'ValidationError'],
    ['throttling', 'ThrottlingException'],
    ['modelNotReady', 'ModelNotReadyException'],
  ] as const)('InvokeEndpoint fails once with %s', async (name, error) => {
    const endpoint = await endpointWith({ error: runtimeErrors[name]() });
    await expect(invoke(endpoint, JSON.stringify(body))).rejects.toMatchObject({ name: error });
    expect(await invoke(endpoint, JSON.stringify(body))).toMatchObject({ choices: [{ text: 'hi' }] });
  });

  it('a stream of vLLM’s own route fails once with the status of the fault', async () => {
    const endpoint = await endpointWith({ error: runtimeErrors.throttling() });
    expect((await post(endpoint, '/v1/completions', { ...body, stream: true })).status).toBe(400);
    expect((await post(endpoint, '/v1/completions', { ...body, stream: true })).status).toBe(200);
  });

  it.each(['/v1/completions', '/v1/chat/completions'])(
    'a stream of %s is an HTML page if the fault says so',
    async (path) => {
      const endpoint = await endpointWith({ html: true });
      const given = path === '/v1/completions' ? body : { messages: [{ role: 'user', content: 'x' }] };
      const response = await post(endpoint, path, { ...given, stream: true });
      expect(response.headers.get('content-type')).toBe('text/html');
      expect(await response.text()).toContain('<h1>');
    },
  );

  it('a lost chunk is missing and a repeated one comes twice, and the others come once', async () => {
    const whole = chunksOf(await stream(await endpointWith()));
    expect(whole).toHaveLength(3);
    const [first = '', second = '', third = ''] = whole.map((line) => line.replaceAll(/"(id|created)":[^,]+,/g, ''));
    for (const [fault, expected] of [
      [{ loseChunk: 1 }, [first, third]],
      [{ loseChunk: 0 }, [second, third]],
      [{ repeatChunk: 1 }, [first, second, second, third]],
    ] as const) {
      const got = chunksOf(await stream(await endpointWith(fault)));
      expect(got.map((line) => line.replaceAll(/"(id|created)":[^,]+,/g, ''))).toEqual(expected);
    }
  });

  it.each([0, 1, 2])('a stream that breaks after %d chunks has sent exactly these', async (count) => {
    const endpoint = await endpointWith({ breakAfterChunks: count, breakBy: 'silent' });
    expect(chunksOf(await stream(endpoint))).toHaveLength(count);
    const plain = await endpointWith({ breakAfterChunks: count, breakBy: 'silent' });
    const text = await (await post(plain, '/v1/completions', { ...body, stream: true })).text();
    expect(chunksOf(text)).toHaveLength(count);
    expect(text).not.toContain('[DONE]');
  });

  it.each(['socket', 'cut', 'unknownException'] as const)(
    'a plain stream that breaks by %s is no complete response',
    async (breakBy) => {
      const endpoint = await endpointWith({ breakAfterChunks: 1, breakBy });
      const response = await post(endpoint, '/v1/completions', { ...body, stream: true });
      await expect(response.text()).rejects.toThrow();
    },
  );

  it('a plain stream that breaks within a JSON text ends without an error', async () => {
    const endpoint = await endpointWith({ breakAfterChunks: 1, breakBy: 'halfJson' });
    const text = await (await post(endpoint, '/v1/completions', { ...body, stream: true })).text();
    expect(text.endsWith('data: {"choices":[{"text":"\n\n')).toBe(true);
  });

  it('a stalled stream sends nothing more until the client leaves', async () => {
    const endpoint = await endpointWith({ breakAfterChunks: 1, breakBy: 'stall' });
    const abort = new AbortController();
    const response = await fetch(`${endpoint.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...body, stream: true }),
      signal: abort.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    const next = reader?.read().then(
      () => 'more',
      () => 'aborted',
    );
    expect(await Promise.race([next, new Promise((resolve) => setTimeout(() => resolve('silence'), 150))])).toBe(
      'silence',
    );
    abort.abort();
    expect(await next).toBe('aborted');
    await expect.poll(() => endpoint.stats().active).toBe(0);
  });

  it('a delayed start delays the first byte', async () => {
    const endpoint = await endpointWith({ startDelayMs: 120 });
    const before = performance.now();
    await stream(endpoint);
    expect(performance.now() - before).toBeGreaterThanOrEqual(115);
  });

  it('bytes in pieces are the same bytes', async () => {
    const whole = await stream(await endpointWith());
    const pieces = await stream(await endpointWith({ writeBytes: 5, partBytes: 3 }));
    expect(pieces.replaceAll(/"(id|created)":[^,]+,/g, '')).toBe(whole.replaceAll(/"(id|created)":[^,]+,/g, ''));
  });

  it('PUT /faults sets the faults of the next calls, DELETE ends them, and a wrong script is a 400 that names the place', async () => {
    const endpoint = await endpointWith();
    const faults = async (method: string, text?: string) =>
      await fetch(`${endpoint.url}/faults`, { method, ...(text === undefined ? {} : { body: text }) });
    expect((await faults('PUT', '{"always":{"error":"throttling"}}')).status).toBe(204);
    for (let call = 0; call < 2; call++) {
      await expect(invoke(endpoint, JSON.stringify(body))).rejects.toMatchObject({ name: 'ThrottlingException' });
    }
    expect((await faults('DELETE')).status).toBe(204);
    await expect(invoke(endpoint, JSON.stringify(body))).resolves.toBeDefined();
    for (const [text, place] of [
      ['{"next":[{"loseChunk":-1}]}', /next\[0\]\.loseChunk/],
      ['{"next":', /not valid JSON/],
    ] as const) {
      const refused = await faults('PUT', text);
      expect(refused.status).toBe(400);
      expect(JSON.stringify(await refused.json())).toMatch(place);
    }
    expect((await faults('POST', '{}')).status).toBe(404);
  });

  it('without the route of faults, PUT /faults is unknown', async () => {
    const endpoint = await startLocalEndpoint({ engine: scriptedEngine([]), endpointName: 'e', servedModelName: 'm' });
    open.push(endpoint);
    expect((await fetch(`${endpoint.url}/faults`, { method: 'PUT', body: '{}' })).status).toBe(404);
  });
});

describe('bad bodies', () => {
  const bad: readonly (readonly [string, unknown])[] = [
    ['/v1/completions', '{"prompt":'],
    ['/v1/completions', { prompt: [1], max_tokens: -1 }],
    ['/v1/completions', {}],
    ['/v1/completions', { prompt: [1], stream: true, max_tokens: -1 }],
    ['/v1/chat/completions', { messages: [] }],
    ['/v1/chat/completions', { messages: 'x', stream: true }],
    ['/tokenize', { prompt: 5 }],
    ['/tokenize', 'no JSON'],
    ['/detokenize', { tokens: ['a'] }],
  ];

  it.each(bad)('of %s are a 400 in vLLM’s form: %j', async (path, given) => {
    const response = await post(await endpointWith(), path, given);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: 400, message: expect.stringMatching(/\w/) } });
  });

  it.each(bad.filter(([, given]) => !JSON.stringify(given).includes('stream')))(
    'of %s are a ModelError of InvokeEndpoint: %j',
    async (path, given) => {
      const endpoint = await endpointWith();
      const text = typeof given === 'string' ? given : JSON.stringify(given);
      await expect(invoke(endpoint, text, `route=${path}`)).rejects.toMatchObject({
        name: 'ModelError',
        OriginalStatusCode: 400,
      });
    },
  );

  it('of a stream are a ModelError before the first byte', async () => {
    await expect(stream(await endpointWith(), { prompt: [1], max_tokens: -1 })).rejects.toMatchObject({
      name: 'ModelError',
      OriginalStatusCode: 400,
    });
  });
});

describe('routes of the container', () => {
  it.each([
    ['/tokenize', { prompt: 'ab' }, { count: 2, tokens: [97, 98], max_model_len: 1_000, token_strs: null }],
    ['/detokenize', { tokens: [97, 98] }, { prompt: 'ab' }],
    [
      '/v1/models',
      {},
      { object: 'list', data: [{ id: 'm', object: 'model', owned_by: 'local', max_model_len: 1_000 }] },
    ],
    ['/ping', {}, {}],
    ['/health', {}, {}],
  ])('%s answers as vLLM does', async (path, given, expected) => {
    const response = await post(await endpointWith(), path, given);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(expected);
  });

  it('an unknown route is a 404 with its name', async () => {
    const response = await post(await endpointWith(), '/v1/embeddings', {});
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: { message: 'The route /v1/embeddings does not exist.', type: 'NotFoundError', code: 404 },
    });
  });

  it('/invocations takes completions and chats by their fields, and other routes by the attribute', async () => {
    const endpoint = await endpointWith();
    const ask = async (given: object, attributes = '') =>
      await (
        await fetch(`${endpoint.url}/invocations`, {
          method: 'POST',
          headers: { 'x-amzn-sagemaker-custom-attributes': attributes },
          body: JSON.stringify(given),
        })
      ).json();
    expect(await ask(body)).toMatchObject({ object: 'text_completion' });
    expect(await ask({ messages: [{ role: 'user', content: 'x' }] })).toMatchObject({ object: 'chat.completion' });
    expect(await ask({ prompt: 'ab' }, 'a=1, route=/tokenize')).toMatchObject({ count: 2 });
  });
});
