import {
  InternalStreamFailure,
  InvokeEndpointCommand,
  InvokeEndpointWithResponseStreamCommand,
  ModelStreamError,
  type ResponseStream,
  SageMakerRuntimeClient,
  ServiceUnavailable,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ModelRejectedError, StreamBrokenError } from '../../../lambda/upstream/errors.ts';
import { sageMaker } from '../../../lambda/upstream/sagemaker.ts';
import { createRuntimeClient, SageMakerModel, sageMakerRoute } from '../../../lambda/upstream/sagemaker-model.ts';
import type { SegmentChunk } from '../../../lambda/upstream/segment-model.ts';

const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };
const target = { endpointName: 'e', inferenceComponentName: 'c', servedModelName: 'm' };
const payload = (text: string): ResponseStream => ({ PayloadPart: { Bytes: Buffer.from(text) } });
const FIRST = 'data: {"choices":[{"text":"a","token_ids":[1]}]}\n\n';
const LAST = 'data: {"choices":[{"text":"b","token_ids":[2],"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
const base = { message: 'Said by AWS.', $metadata: {} };

afterEach(() => void vi.restoreAllMocks());

/** A client that gives these answers. An error is thrown. */
function clientOf(answer: unknown) {
  const client = new SageMakerRuntimeClient({
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
  const send = vi.spyOn(client, 'send').mockImplementation(async () => {
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return { client, send };
}

async function* events(...given: readonly (ResponseStream | Error)[]): AsyncGenerator<ResponseStream> {
  for (const event of given) {
    if (event instanceof Error) throw event;
    yield event;
  }
}

async function run(answer: unknown, signal = new AbortController().signal) {
  const { client, send } = clientOf(answer);
  const chunks: SegmentChunk[] = [];
  let error: unknown;
  try {
    for await (const chunk of new SageMakerModel(client, target).run(request, { signal })) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { texts: chunks.map(({ text }) => text), error, send };
}

describe('a call of an endpoint', () => {
  it('names the endpoint and the component, and asks for a stream of events', async () => {
    const { texts, send } = await run({ Body: events(payload(FIRST), payload(LAST)) });
    expect(texts).toEqual(['a', 'b']);
    const [command, options] = send.mock.calls[0] ?? [];
    expect(command).toBeInstanceOf(InvokeEndpointWithResponseStreamCommand);
    expect(command?.input).toMatchObject({
      EndpointName: 'e',
      InferenceComponentName: 'c',
      ContentType: 'application/json',
      Accept: 'text/event-stream',
      Body: expect.stringContaining('"model":"m"'),
    });
    // Aborted at its end, so that the GPU stops if the reader leaves.
    expect(options).toMatchObject({ abortSignal: { aborted: true } });
  });

  it('is not sent if the client has left', async () => {
    const { error, send } = await run({}, AbortSignal.abort(new Error('left')));
    expect(error).toMatchObject({ message: 'left' });
    expect(send).not.toHaveBeenCalled();
  });

  it.each<[string, unknown, object]>([
    ['has no body', {}, { code: 'model_failed', message: 'The endpoint sent a response without a body.' }],
    ['is refused', new ServiceUnavailable(base), { code: 'model_unavailable' }],
    [
      'ends with an error of the model’s stream',
      {
        Body: events(payload(FIRST), {
          ModelStreamError: new ModelStreamError({ ...base, ErrorCode: 'ModelInvocationTimeExceeded' }),
        }),
      },
      { code: 'model_timeout' },
    ],
    [
      'ends with a failure of AWS’s stream',
      { Body: events(payload(FIRST), { InternalStreamFailure: new InternalStreamFailure(base) }) },
      { code: 'model_stream_broken', message: 'SageMaker broke the stream (InternalStreamFailure).' },
    ],
    [
      'loses its connection in the stream',
      { Body: events(payload(FIRST), Object.assign(new Error('socket'), { code: 'ECONNRESET' })) },
      { code: 'model_stream_broken', message: 'The stream of the endpoint broke.' },
    ],
    [
      'loses its connection before the first chunk',
      { Body: events(Object.assign(new Error('socket'), { code: 'ECONNRESET' })) },
      { code: 'model_unavailable' },
    ],
    [
      'breaks by itself',
      { Body: events(payload(FIRST), new StreamBrokenError('terminated by the reader')) },
      { code: 'model_stream_broken', message: 'terminated by the reader' },
    ],
    [
      'fails in the stream with an error that is none of the wire',
      { Body: events(payload(FIRST), new Error('odd')) },
      { code: 'model_failed' },
    ],
    [
      'is rejected in the stream',
      { Body: events(payload(FIRST), new ModelRejectedError('too long')) },
      { code: 'model_rejected_request', message: 'too long' },
    ],
  ])('that %s is an error', async (_, answer, error) => {
    expect((await run(answer)).error).toMatchObject(error);
  });

  it.each(['wrong Checksum', 'frame truncated', 'message length is wrong', 'aborted', 'premature close', 'terminated'])(
    'whose frames are broken (%s) is a broken stream after its first chunk, and a failure before it',
    async (message) => {
      const after = await run({ Body: events(payload(FIRST), new Error(message)) });
      expect(after).toMatchObject({ texts: ['a'], error: { code: 'model_stream_broken' } });
      const before = await run({ Body: events(new Error(message)) });
      expect(before.error).toMatchObject({ code: 'model_failed' });
    },
  );

  it('skips events that it does not know', async () => {
    const unknown: ResponseStream = { $unknown: ['Later', {}] };
    expect((await run({ Body: events(unknown, payload(FIRST), payload(LAST)) })).texts).toEqual(['a', 'b']);
  });
});

describe('a call of another route of the container', () => {
  it('names the route in the custom attributes, and has the JSON of the answer', async () => {
    const { client, send } = clientOf({ Body: Buffer.from('{"tokens":[1]}') });
    const { signal } = new AbortController();
    expect(await sageMakerRoute(client, target)('/tokenize', { prompt: 'é' }, signal)).toEqual({ tokens: [1] });
    const [command, options] = send.mock.calls[0] ?? [];
    expect(command).toBeInstanceOf(InvokeEndpointCommand);
    expect(command?.input).toEqual({
      EndpointName: 'e',
      InferenceComponentName: 'c',
      ContentType: 'application/json',
      CustomAttributes: 'route=/tokenize',
      Body: '{"prompt":"é"}',
    });
    expect(options).toEqual({ abortSignal: signal });
    await sageMakerRoute(client, target)('/tokenize', {});
    expect(send.mock.calls[1]?.[1]).toEqual({});
  });

  it('has the error of the model, or the reason of its signal', async () => {
    const { client } = clientOf(new ServiceUnavailable(base));
    const route = sageMakerRoute(client, target);
    await expect(route('/tokenize', {})).rejects.toMatchObject({ code: 'model_unavailable' });
    await expect(route('/tokenize', {}, AbortSignal.abort(new Error('left')))).rejects.toThrow('left');
  });
});

describe('the client of a region', () => {
  it('waits as long as a stream of SageMaker may take, and retries once', async () => {
    const client = createRuntimeClient('eu-west-1');
    expect(await client.config.region()).toBe('eu-west-1');
    expect(await client.config.maxAttempts()).toBe(2);
    const { requestHandler } = client.config;
    await requestHandler.handle(Object.create(null), {}).catch(() => undefined);
    expect(Object(requestHandler).httpHandlerConfigs()).toMatchObject({
      connectionTimeout: 5_000,
      socketTimeout: 490_000,
    });
  });

  it('is shared by the models of a region, and an upstream can run segments and tokenize', async () => {
    vi.stubEnv('AWS_REGION', 'us-east-2');
    const open = await sageMaker.connect({
      secretKey: () => {
        throw new Error('No secret is needed.');
      },
      localKey: () => undefined,
    });
    const sent: unknown[] = [];
    vi.spyOn(SageMakerRuntimeClient.prototype, 'send').mockImplementation(async function (this: unknown) {
      sent.push(this);
      return { Body: Buffer.from('{}') };
    });
    const settings = { kind: 'sagemaker', endpointName: 'e' };
    for (const region of [undefined, undefined, 'eu-west-1', 'eu-west-1']) {
      const upstream = open({ ...settings, ...(region === undefined ? {} : { region }) }, 'm');
      expect(upstream.segments).toBeInstanceOf(SageMakerModel);
      await upstream.tokenize('/tokenize', {});
    }
    expect(sent[1]).toBe(sent[0]);
    expect(sent[2]).not.toBe(sent[0]);
    expect(sent[3]).toBe(sent[2]);
    vi.unstubAllEnvs();
  });
});
