import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { secretUpstreamKey } from '../../../lambda/aws/secret-upstream-key.ts';
import { compose } from '../../../lambda/compose.ts';
import type { ModelSettings } from '../../../lambda/settings/settings.ts';
import { openAiCompatible } from '../../../lambda/upstream/openai-compatible.ts';
import { upstreamName, upstreamSchema } from '../../../lambda/upstream/registry.ts';
import type { KeySource } from '../../../lambda/upstream/upstream.ts';

const ARN = 'arn:aws:secretsmanager:us-east-2:111122223333:secret:vllm-AbCdEf';

/** A model server that accepts one key, and Secrets Manager's protocol with one secret. */
let accepted = 'new';
let secret: string | undefined = 'new';
let secretReads = 0;
const keysReceived: (string | undefined)[] = [];

const modelServer = createServer((request, response) => {
  keysReceived.push(request.headers.authorization);
  request.resume();
  if (request.headers.authorization !== `Bearer ${accepted}`) {
    response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"Unauthorized"}');
    return;
  }
  if (request.url === '/tokenize') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"tokens":[7]}');
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end('data: {"choices":[{"text":"ok","token_ids":[7],"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n');
});
const secretServer = createServer(async (request, response) => {
  const { SecretId } = JSON.parse(await bodyOf(request));
  secretReads++;
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  if (request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue' || SecretId !== ARN || secret === undefined) {
    response.writeHead(400).end('{"__type":"AccessDeniedException","Message":"not allowed"}');
    return;
  }
  response.writeHead(200).end(JSON.stringify({ ARN, Name: 'vllm', SecretString: secret }));
});

let baseUrl = '';
let client: SecretsManagerClient;
let clock = 0;

beforeAll(async () => {
  baseUrl = `${await listen(modelServer)}/v1`;
  client = new SecretsManagerClient({
    endpoint: await listen(secretServer),
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
});
afterAll(() => {
  modelServer.close();
  secretServer.close();
});
beforeEach(() => {
  accepted = 'new';
  secret = 'new';
  secretReads = 0;
  clock = 0;
  keysReceived.length = 0;
});

const source = () => secretUpstreamKey(ARN, { client, now: () => clock });

/** Opens the upstream with the key of the secret, as `compose` does in the function. */
async function open(key: KeySource = source()) {
  const connect = await openAiCompatible.connect({ secretKey: () => key, localKey: () => undefined });
  return connect(settings(), 'm');
}

const settings = () => ({ kind: 'openai-compatible', baseUrl, servedModelName: 'm', apiKeySecretArn: ARN }) as const;

async function run({ segments }: Awaited<ReturnType<typeof open>>): Promise<string> {
  const request = { promptIds: [1], maxTokens: 9, minTokens: 0, stopTokenIds: [], sampling: {} };
  let text = '';
  for await (const chunk of segments.run(request, { signal: new AbortController().signal })) text += chunk.text;
  return text;
}

describe('the key of an OpenAI-compatible server', () => {
  it('the key of an upstream is read from its secret for the first request, and kept', async () => {
    const upstream = await open();
    expect(secretReads).toBe(0);
    expect([await run(upstream), await run(upstream)]).toEqual(['ok', 'ok']);
    expect(await upstream.tokenize('/tokenize', {})).toEqual({ tokens: [7] });
    expect(secretReads).toBe(1);
  });

  it('the key of an upstream is read once for requests that arrive together', async () => {
    const upstream = await open();
    await Promise.all([run(upstream), run(upstream), run(upstream)]);
    expect(secretReads).toBe(1);
  });

  it('the key of an upstream is read again if the server rejects it, and the request succeeds with the new one', async () => {
    secret = 'old';
    accepted = 'old';
    const upstream = await open();
    await run(upstream);
    secret = '{"apiKey":"new"}';
    accepted = 'new';
    clock = 60_000;
    expect(await Promise.all([run(upstream), run(upstream)])).toEqual(['ok', 'ok']);
    expect(secretReads).toBe(2);
  });

  it('the key of an upstream costs at most one read of its secret every 10 seconds if it stays wrong, and the client is told', async () => {
    secret = 'wrong';
    const upstream = await open();
    for (let request = 0; request < 5; request++) {
      await expect(run(upstream)).rejects.toMatchObject({ code: 'model_misconfigured', retryable: false });
    }
    expect(secretReads).toBe(1);
    clock = 10_000;
    await expect(run(upstream)).rejects.toThrow(/status 401.*Check the API key of the upstream/);
    expect(secretReads).toBe(2);
  });

  it.each([
    ['a secret that the function may not read', undefined],
    ['an empty secret', ' '],
    ['a secret of JSON without apiKey', '{"password":"x"}'],
  ])('%s is an error of the deployment, and no request is sent', async (_what, text) => {
    secret = text;
    await expect(run(await open())).rejects.toMatchObject({
      code: 'model_misconfigured',
      message: expect.stringMatching(
        /^The key of the model server cannot be read \(\w+\)\. Check that apiKeySecretArn/,
      ),
    });
    expect(keysReceived).toEqual([]);
  });

  it('the key of an upstream is injected on a laptop, where the settings name no secret', async () => {
    const { apiKeySecretArn: _, ...upstream } = settings();
    const { models } = await compose({ ...aFunction, models: [{ ...aModel, upstream }] }, () => {}, {
      upstreamKeys: new Map([['m', 'new']]),
    });
    const [model] = models;
    expect(await model?.textIds('x')).toEqual([7]);
    expect(keysReceived).toEqual(['Bearer new']);
  });

  it('the key of an upstream is never a field of the settings', () => {
    expect(upstreamSchema.safeParse({ ...settings(), apiKey: 'new' }).success).toBe(false);
  });
});

describe('the registry of upstreams', () => {
  it('the registry names a server in metrics by its host, and an endpoint by its name', () => {
    expect(upstreamName({ ...settings(), baseUrl: 'https://vllm.example.com:8443/v1' })).toBe('vllm.example.com:8443');
    expect(upstreamName({ kind: 'sagemaker', endpointName: 'stage' })).toBe('stage');
  });

  it('the registry loads only the implementations that the models need', async () => {
    vi.resetModules();
    const loaded: string[] = [];
    vi.doMock('../../../lambda/upstream/sagemaker-model.ts', async (original) => {
      loaded.push('sagemaker');
      return await original();
    });
    const fresh = await import('../../../lambda/compose.ts');
    await fresh.compose({ ...aFunction, models: [{ ...aModel, upstream: settings() }] }, () => {});
    expect(loaded).toEqual([]);
    vi.stubEnv('AWS_REGION', 'us-east-2');
    await fresh.compose(
      { ...aFunction, models: [{ ...aModel, upstream: { kind: 'sagemaker', endpointName: 'e' } }] },
      () => {},
    );
    vi.unstubAllEnvs();
    vi.doUnmock('../../../lambda/upstream/sagemaker-model.ts');
    expect(loaded).toEqual(['sagemaker']);
  });
});

const aFunction = {
  requestTimeoutMs: 60_000,
  capacityWaitMs: 0,
  keepAliveMs: 0,
  retention: { responsesDays: 0, feedbackDays: 0, filesDays: 0 },
};
const aModel: Omit<ModelSettings, 'upstream'> = {
  id: 'm',
  format: 's1',
  contextTokens: 900,
  tokenizer: { kind: 'endpoint' },
  defaultMaxThinkingTokens: 20,
  maxThinkingTokens: 100,
  defaultMaxAnswerTokens: 20,
  efforts: { none: 0 },
};

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The address of a server that listens on a TCP port is an AddressInfo.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}
