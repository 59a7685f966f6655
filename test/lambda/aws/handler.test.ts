import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LambdaContext } from '../../../lambda/aws/stream-response.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';
import { bytes, IM_END } from '../forcing/tiny-vocabulary.ts';
import { restEvent } from './rest-event-fixture.ts';
import { writeSettingsFile } from './settings-file.ts';

type Handler = (event: unknown, stream: Writable, context: LambdaContext) => Promise<void>;

/** What API Gateway receives from the function: the prelude, 8 NUL bytes, the body. */
class ResponseStream extends Writable {
  readonly parts: Buffer[] = [];

  override _write(part: Buffer, _encoding: string, done: () => void): void {
    this.parts.push(Buffer.from(part));
    done();
  }

  get answer(): { readonly statusCode: number; readonly headers: Record<string, string>; readonly body: string } {
    const all = Buffer.concat(this.parts);
    const end = all.indexOf(Buffer.alloc(8));
    const prelude = JSON.parse(all.subarray(0, end).toString('utf8'));
    return { ...prelude, body: all.subarray(end + 8).toString('utf8') };
  }
}

const context: LambdaContext = { awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 };
let endpoint: LocalEndpoint;
let handler: Handler;
let settingsFile: ReturnType<typeof writeSettingsFile>;

beforeAll(async () => {
  endpoint = await startLocalEndpoint({
    engine: scriptedEngine([...bytes('ok'), IM_END]),
    endpointName: 'e',
    servedModelName: 'm',
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME', endpoint.url);
  vi.stubEnv('AWS_REGION', 'us-east-2');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'x');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'y');
  settingsFile = writeSettingsFile({
    models: [
      {
        id: 'm',
        format: 's1',
        contextTokens: 900,
        upstream: { kind: 'sagemaker', endpointName: 'e' },
        tokenizer: { kind: 'file', path: 'local/model/tokenizer.json' },
        defaultMaxThinkingTokens: 20,
        maxThinkingTokens: 100,
        defaultMaxAnswerTokens: 20,
        efforts: { none: 0 },
        systemPrompt: 'Be brief.',
      },
    ],
    requestTimeoutMs: 60_000,
    capacityWaitMs: 0,
    keepAliveMs: 10_000,
  });
  vi.stubEnv('BUDGETFORCE_SETTINGS_FILE', settingsFile.path);
  // As the global of Lambda's Node.js runtime: the prelude is sent with the first write.
  vi.stubGlobal('awslambda', {
    streamifyResponse: (run: Handler) => run,
    HttpResponseStream: {
      from(stream: Writable, prelude: object) {
        stream.write(Buffer.concat([Buffer.from(JSON.stringify(prelude)), Buffer.alloc(8)]));
        return stream;
      },
    },
  });
  handler = (await import('../../../lambda/handler.ts')).handler as unknown as Handler;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  settingsFile.remove();
  await endpoint.close();
});

async function invoke(event: unknown) {
  const stream = new ResponseStream();
  await handler(event, stream, context);
  return stream.answer;
}

const chat = (body: object) =>
  restEvent({ httpMethod: 'POST', path: '/v1/chat/completions', body: JSON.stringify(body) });
const messages = [{ role: 'user', content: '2 + 2?' }];

describe('the Lambda handler, called with the event of a REST API', () => {
  it('streams events after a prelude', async () => {
    const answer = await invoke(chat({ model: 'm', messages, stream: true, thinking: { max_tokens: 8 } }));
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toContain('text/event-stream');
    expect(answer.body).toMatch(/^data: \{.*data: \[DONE\]\n\n$/s);
    expect(answer.body).toContain('"thinking_tokens":8');
  });

  it('responds without a stream', async () => {
    const answer = await invoke(chat({ model: 'm', messages, thinking: { max_tokens: 0 } }));
    expect(JSON.parse(answer.body)).toMatchObject({
      object: 'chat.completion',
      budget_forcing: { end_reason: 'disabled' },
    });
  });

  it('responds to errors with their status', async () => {
    expect(await invoke(chat({ model: 'nope', messages }))).toMatchObject({ statusCode: 404 });
    expect(await invoke(restEvent({ httpMethod: 'GET', path: '/nope' }))).toMatchObject({ statusCode: 404 });
  });

  it.each([
    ['a body with GET', restEvent({ httpMethod: 'GET', path: '/healthz', body: 'x' }), 200],
    [
      'a header with characters that no header may hold',
      restEvent({ httpMethod: 'GET', path: '/healthz', multiValueHeaders: { 'x-a': ['snow ☃', 'ok'], 'ba d': ['x'] } }),
      200,
    ],
    [
      'a body in base64',
      {
        ...chat({}),
        body: Buffer.from(JSON.stringify({ model: 'm', messages, thinking: { max_tokens: 0 } })).toString('base64'),
        isBase64Encoded: true,
      },
      200,
    ],
    ['an event that is not of an API', { hello: 'world' }, 500],
    ['null', null, 500],
  ])('survives %s', async (_what, event, status) => {
    expect((await invoke(event)).statusCode).toBe(status);
  });
});
