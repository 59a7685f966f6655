/**
 * Contributors' check: the bundle that synth makes, in AWS's own runtime interface client for Node.js, against a Runtime API server
 * (`npm run check:runtime`). The client is installed from npm into the user's cache. Its native part is not built.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { bundleProgram } from '../../lib/bundles/programs.ts';
import { startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';
import { restEvent } from '../lambda/aws/rest-event-fixture.ts';
import { type Invocation, RuntimeApi } from './runtime-api.ts';

const VERSION = '4.0.2';
const question = 'Ann has 34 apples. She buys 27 more and gives 12 away. How many apples does she have now?';

const client = await installClient();
const folder = await mkdtemp(join(tmpdir(), 'budgetforce-runtime-'));
const engine = await loadLlamaEngine({ modelPath: 'local/model/budgetforce-tiny.gguf', parallel: 2 });
const endpoint = await startLocalEndpoint({ engine, endpointName: 'e', servedModelName: 'm' });
const api = await RuntimeApi.start();
const runtime = await startRuntime();
let failed = 0;
try {
  await check('a response that is not streamed: prelude, 8 NUL bytes, JSON', async () => {
    const { status, headers, text } = parse(await api.invoke(chat({})));
    equal(status, 200);
    equal(headers['content-type'], 'application/json');
    equal(JSON.parse(text).object, 'chat.completion');
  });
  await check('a stream: the prelude first, then events as they come', async () => {
    endpoint.faults.next({ tokenDelayMs: 30 });
    const invocation = await api.invoke(chat({ stream: true }));
    const { status, headers, text } = parse(invocation);
    equal(status, 200);
    equal(headers['content-type'], 'text/event-stream; charset=utf-8');
    equal(invocation.headers?.['lambda-runtime-function-response-mode'], 'streaming');
    equal(invocation.headers?.['content-type'], 'application/vnd.awslambda.http-integration-response');
    truthy(text.endsWith('data: [DONE]\n\n'), 'the stream ends with [DONE]');
    const [first = 0] = invocation.partsAtMs;
    truthy(
      (invocation.partsAtMs.at(-1) ?? 0) - first > 200,
      `parts came over time, not at once: ${invocation.partsAtMs.length}`,
    );
  });
  await check('an error before the first byte has its status in the prelude', async () => {
    const { status, text } = parse(await api.invoke(chat({ temperature: 9 })));
    equal(status, 400);
    equal(JSON.parse(text).error.param, 'temperature');
    equal(parse(await api.invoke(restEvent({ httpMethod: 'GET', path: '/nowhere' }))).status, 404);
  });
  await check('an event that no gateway sends is answered, and the environment lives on', async () => {
    truthy(parse(await api.invoke({ hello: 'world' })).status >= 400, 'a status of a refusal');
    equal(parse(await api.invoke(restEvent({ httpMethod: 'GET', path: '/healthz' }))).status, 200);
  });
  await check(
    'a failure after the prelude is an error event, not a trailer, and the environment lives on',
    async () => {
      endpoint.faults.always({ breakAfterChunks: 0, breakBy: 'InternalStreamFailure' });
      const invocation = await api.invoke(chat({ stream: true }));
      endpoint.faults.clear();
      const { status, text } = parse(invocation);
      truthy(status >= 500 || text.includes('"error"'), `an error: ${status} ${text.slice(0, 200)}`);
      equal(Object.keys(invocation.trailers).length, 0);
      equal(parse(await api.invoke(chat({}))).status, 200);
    },
  );
  await check(
    'a connection that breaks in a response ends the environment, which stops its call, and the next one works',
    async () => {
      endpoint.faults.next({ tokenDelayMs: 50 });
      const left = await api.invoke(chat({ stream: true, thinking: { min_tokens: 400 } }), { leaveAfterParts: 3 });
      truthy(left.tookMs < 10_000, `left after ${left.tookMs} ms`);
      await restartIfEnded();
      equal(parse(await api.invoke(chat({}))).status, 200);
      equal(engine.stats().active, 0);
    },
  );
  await check('a function that runs out of time answers before its deadline', async () => {
    endpoint.faults.always({ tokenDelayMs: 100 });
    const timeoutMs = 4_000;
    const invocation = await api.invoke(chat({ stream: true, thinking: { min_tokens: 400 } }), { timeoutMs });
    endpoint.faults.clear();
    truthy(invocation.tookMs < timeoutMs, `${Math.round(invocation.tookMs)} ms of ${timeoutMs}`);
    truthy(/"error"|\[DONE\]/.test(parse(invocation).text), 'an error or an answer that is cut');
  });
  equal(api.initErrors.length, 0);
} finally {
  runtime.current.kill('SIGKILL');
  api.close();
  await endpoint.close();
  await engine.close();
  await rm(folder, { recursive: true, force: true });
}
console.log(failed === 0 ? `aws-lambda-ric ${VERSION}: passed` : `aws-lambda-ric ${VERSION}: ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`passed  ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}\n        ${error instanceof Error ? error.message : String(error)}`);
  }
}

function chat(body: Readonly<Record<string, unknown>>) {
  const messages = [{ role: 'user', content: question }];
  return restEvent({
    httpMethod: 'POST',
    path: '/v1/chat/completions',
    body: JSON.stringify({ model: 'm', messages, ...body }),
  });
}

/** The status, headers and body that API Gateway would send on. */
function parse({ body, error }: Invocation) {
  if (error !== undefined) throw new Error(`The runtime reported an error: ${error.slice(0, 300)}`);
  const end = body.indexOf(Buffer.alloc(8));
  if (end < 0) throw new Error(`No 8 NUL bytes in ${JSON.stringify(body.toString().slice(0, 200))}`);
  const prelude = z
    .object({ statusCode: z.number(), headers: z.record(z.string(), z.string()) })
    .parse(JSON.parse(body.subarray(0, end).toString()));
  return { status: prelude.statusCode, headers: prelude.headers, text: body.subarray(end + 8).toString() };
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

function truthy(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not true: ${what}`);
}

/** Writes the bundle and its settings, and starts the function in the runtime client, as Lambda does. */
async function startRuntime(): Promise<{ current: ChildProcess }> {
  for (const [name, content] of bundleProgram('function')) await writeFile(join(folder, name), content);
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings()));
  return { current: start() };
}

function start(): ChildProcess {
  return spawn(
    process.execPath,
    ['--import', pathToFileURL(join(import.meta.dirname, 'without-native-part.mjs')).href, client],
    {
      cwd: folder,
      stdio: ['ignore', process.env['VERBOSE'] === undefined ? 'ignore' : 'inherit', 'inherit'],
      env: {
        ...process.env,
        AWS_LAMBDA_RUNTIME_API: api.address,
        AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1: 'true',
        _HANDLER: 'index.handler',
        LAMBDA_TASK_ROOT: folder,
        AWS_LAMBDA_FUNCTION_NAME: 'f',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '1769',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/f',
        AWS_LAMBDA_LOG_STREAM_NAME: 's',
        AWS_REGION: 'us-east-2',
        AWS_ACCESS_KEY_ID: 'x',
        AWS_SECRET_ACCESS_KEY: 'y',
        AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.url,
      },
    },
  );
}

/** Starts the runtime again if it ended, as Lambda does. The client ends if the Runtime API breaks the connection of a response. */
async function restartIfEnded(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  if (runtime.current.exitCode !== null) runtime.current = start();
}

function settings() {
  return {
    models: [
      {
        id: 'm',
        format: 's1',
        contextTokens: 2_000,
        upstream: { kind: 'sagemaker', endpointName: 'e' },
        tokenizer: { kind: 'file', path: join(process.cwd(), 'local/model/tokenizer.json') },
        defaultMaxThinkingTokens: 500,
        maxThinkingTokens: 1_000,
        defaultMaxAnswerTokens: 100,
        efforts: { none: 0 },
      },
    ],
    requestTimeoutMs: 60_000,
    capacityWaitMs: 0,
    keepAliveMs: 10_000,
  };
}

/** The file of the pinned client, installed into the user's cache if it is not there. */
async function installClient(): Promise<string> {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const home = join(cache, 'budgetforce', `aws-lambda-ric-${VERSION}`);
  const file = join(home, 'node_modules', 'aws-lambda-ric', 'index.mjs');
  if (existsSync(file)) return file;
  console.log(`Installing aws-lambda-ric ${VERSION} into ${home} …`);
  await mkdir(home, { recursive: true });
  await writeFile(join(home, 'package.json'), '{ "private": true }\n');
  const npm = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', `aws-lambda-ric@${VERSION}`],
    {
      cwd: home,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  if (npm.status !== 0 || !existsSync(file)) throw new Error('npm could not install it. It needs the network.');
  return file;
}
