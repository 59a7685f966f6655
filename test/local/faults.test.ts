import { SageMakerRuntimeClient } from '@aws-sdk/client-sagemaker-runtime';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CompletionsModel } from '../../lambda/upstream/completions-model.ts';
import { IdleLimitedModel } from '../../lambda/upstream/idle-limited-model.ts';
import { SageMakerModel } from '../../lambda/upstream/sagemaker-model.ts';
import type { SegmentModel } from '../../lambda/upstream/segment-model.ts';
import { type Fault, parseFaultScript } from '../../local/endpoint/faults.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { faultKinds, randomFaults, seededRandom } from '../../local/endpoint/random-fault.ts';
import { bytes, IM_END } from '../lambda/forcing/tiny-vocabulary.ts';
import { scriptedEngine } from './scripted-engine.ts';

const says = [...bytes('élan 🤔 und so weiter'), IM_END];
let endpoint: LocalEndpoint;
const models = new Map<string, SegmentModel>();

beforeAll(async () => {
  endpoint = await startLocalEndpoint({
    engine: scriptedEngine(says),
    endpointName: 'e',
    servedModelName: 'm',
    faultsRoute: true,
  });
  const client = new SageMakerRuntimeClient({
    endpoint: endpoint.url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    maxAttempts: 1,
  });
  models.set('SageMaker', new IdleLimitedModel(new SageMakerModel(client, { endpointName: 'e' }), 700));
  const target = { baseUrl: `${endpoint.url}/v1`, servedModelName: 'm' };
  models.set('completions', new IdleLimitedModel(new CompletionsModel(target), 700));
});
afterAll(() => endpoint.close());
beforeEach(() => endpoint.faults.clear());

async function run(name: string) {
  const ids: number[] = [];
  let text = '';
  let code: unknown;
  const request = { promptIds: [5, 6], maxTokens: 50, minTokens: 0, stopTokenIds: [IM_END], sampling: {} };
  try {
    const model = models.get(name);
    if (model === undefined) throw new Error(`No model ${name}.`);
    for await (const chunk of model.run(request, { signal: new AbortController().signal })) {
      ids.push(...chunk.tokenIds);
      text += chunk.text;
    }
  } catch (error) {
    code = error instanceof Error && 'code' in error ? error.code : error;
  }
  return { ids, text, code };
}

describe.each(['SageMaker', 'completions'])('faults of the local endpoint, seen by %s', (name) => {
  it.each<[string, Fault, string]>([
    ['a stall after the first chunk', { breakAfterChunks: 3, breakBy: 'stall' }, 'model_stream_broken'],
    ['a stall before the first chunk', { breakAfterChunks: 0, breakBy: 'stall' }, 'model_timeout'],
    ['a cut inside a frame', { breakAfterChunks: 3, breakBy: 'cut' }, 'model_stream_broken'],
    ['half of a JSON text', { breakAfterChunks: 3, breakBy: 'halfJson' }, 'model_failed'],
    ['a lost chunk', { loseChunk: 3 }, 'model_stream_broken'],
  ])('%s is an error that can be retried, and the ids before it are right', async (_what, fault, code) => {
    endpoint.faults.next(fault);
    const { ids, code: came } = await run(name);
    expect(came).toBe(code);
    const sent = says.slice(0, fault.breakAfterChunks ?? fault.loseChunk);
    // What the client has not read when the connection is reset is lost.
    expect(ids).toEqual(fault.breakBy === 'cut' ? sent.slice(0, ids.length) : sent);
  });

  it('a page of HTML with status 200 is an error without ids', async () => {
    endpoint.faults.next({ html: true });
    expect(await run(name)).toMatchObject({ ids: [], code: expect.stringMatching(/^model_/) });
  });

  it('a chunk that comes twice counts once', async () => {
    endpoint.faults.next({ repeatChunk: 4 });
    expect(await run(name)).toEqual({ ids: says, text: 'élan 🤔 und so weiter', code: undefined });
  });

  it('refragmentation changes nothing, whatever the sizes of parts and writes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }), async (part, write) => {
        endpoint.faults.next({ partBytes: part, writeBytes: Math.max(write, 8) });
        expect(await run(name)).toEqual({ ids: says, text: 'élan 🤔 und so weiter', code: undefined });
      }),
      { numRuns: 15, seed: 3 },
    );
  });
});

it('no flipped bit of an event-stream frame passes as a token', async () => {
  const random = seededRandom(5);
  for (let round = 0; round < 60; round++) {
    endpoint.faults.next({ flipBit: { chunk: random(10), bit: random(4_096) } });
    const { ids, code } = await run('SageMaker');
    expect(code).toMatch(/^model_/);
    expect(ids).toEqual(says.slice(0, ids.length));
  }
});

describe('a script of faults', () => {
  it('PUT /faults sets the faults of the next calls, and DELETE /faults ends them', async () => {
    const put = async (body: string) => await fetch(`${endpoint.url}/faults`, { method: 'PUT', body });
    expect((await put('{"next": [{"error": "throttling"}], "always": {"error": "noCapacity"}}')).status).toBe(204);
    expect((await run('SageMaker')).code).toBe('rate_limit_exceeded');
    expect((await run('SageMaker')).code).toBe('model_no_capacity');
    await fetch(`${endpoint.url}/faults`, { method: 'DELETE' });
    expect((await run('SageMaker')).ids).toEqual(says);
  });

  it('a script with an unknown fault is refused with its path', async () => {
    const response = await fetch(`${endpoint.url}/faults`, { method: 'PUT', body: '{"next": [{"brakeBy": "stall"}]}' });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('brakeBy');
    expect(() => parseFaultScript('{')).toThrow('not valid JSON');
  });

  it('an endpoint without the option has no route for faults', async () => {
    const other = await startLocalEndpoint({ engine: scriptedEngine(says), endpointName: 'e', servedModelName: 'm' });
    expect((await fetch(`${other.url}/faults`, { method: 'PUT', body: '{}' })).status).toBe(404);
    await other.close();
  });

  it.each(faultKinds)('the same seed gives the same faults of kind %s', (kind) => {
    expect(randomFaults(kind, seededRandom(9))).toEqual(randomFaults(kind, seededRandom(9)));
  });
});
