import { Writable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import type { LambdaContext } from '../../../lambda/aws/stream-response.ts';
import { TICK_EVENT } from '../../../lambda/aws/tick-event.ts';
import { LeaseStore, type LoadLease } from '../../../lambda/scaling/lease-store.ts';
import type { ScalingMetricsLine } from '../../../lambda/scaling/scaling-metrics.ts';
import { Table } from '../../../lambda/storage/table.ts';
import { CopyFleet } from '../../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from '../../../local/endpoint/local-auto-scaling.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { type LocalTable, startLocalTable } from '../../../local/local-table.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';
import { smallCopies } from '../scaling/load-world.ts';

type Handler = (event: unknown, stream: Writable, context: LambdaContext) => Promise<void>;

/** The part of a metric line that the step policies read. */
const lineSchema = z.looseObject({ _aws: z.unknown(), MissingCopies: z.number(), SpareCopies: z.number() });

const START = 1_790_000_000;
const context: LambdaContext = { awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 };

let endpoint: LocalEndpoint;
let table: LocalTable;
let leaseStore: LeaseStore;
let fleet: CopyFleet;
let autoScaling: LocalAutoScaling;
let handler: Handler;
let model = 0;
let written: Record<string, unknown>[] = [];

beforeAll(async () => {
  table = await startLocalTable();
});
afterAll(async () => {
  await table.close();
});

// Each test has its own function and model; all share one table, in which each model has its own items.
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: START * 1_000 });
  const modelId = `m${++model}`;
  fleet = new CopyFleet({ copies: 0, startSeconds: 0.05, requestsPerCopy: 4 });
  autoScaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: notSuspended }, () => Date.now() / 1_000);
  endpoint = await startLocalEndpoint({
    engine: scriptedEngine([97]),
    endpointName: 'e',
    inferenceComponentName: 'component',
    servedModelName: modelId,
    copies: { fleet, autoScaling },
  });
  const client = new DynamoDBClient({
    endpoint: table.url,
    region: 'us-east-2',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  leaseStore = new LeaseStore(new Table(table.name, client), modelId);
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.url,
    AWS_ENDPOINT_URL_SAGEMAKER: endpoint.url,
    AWS_ENDPOINT_URL_DYNAMODB: table.url,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    BUDGETFORCE_SETTINGS: JSON.stringify({
      models: [
        {
          id: modelId,
          format: 's1',
          contextTokens: 900,
          backend: { kind: 'sagemaker', endpointName: 'e', inferenceComponentName: 'component' },
          tokenizer: { kind: 'file', path: 'local/model/tokenizer.json' },
          defaultMaxThinkingTokens: 20,
          maxThinkingTokens: 100,
          defaultMaxAnswerTokens: 20,
          efforts: { none: 0 },
          scaling: {
            ...smallCopies,
            policy: { scale_in_after_seconds: 60, smoothing_seconds: 10 },
            componentName: 'component',
            modelId,
          },
        },
      ],
      tableName: table.name,
      requestTimeoutMs: 60_000,
      capacityWaitMs: 600_000,
      keepAliveMs: 10_000,
    }),
  })) {
    vi.stubEnv(name, value);
  }
  vi.stubGlobal('awslambda', { streamifyResponse: (run: Handler) => run });
  written = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
    written.push(JSON.parse(String(line)));
    return true;
  });
  vi.resetModules();
  handler = (await import('../../../lambda/handler.ts')).handler as unknown as Handler;
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  await endpoint.close();
});

/**
 * Invokes the function as the EventBridge rule does, with a constant input instead of the event (test/lib/api/ledger-table.test.ts
 * checks the template, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html). Then passes the
 * logged metrics to the step policies, as CloudWatch does.
 */
async function minute(at: number): Promise<{ readonly line: ScalingMetricsLine | undefined; readonly body: string }> {
  vi.setSystemTime((START + at) * 1_000);
  written = [];
  let body = '';
  const stream = new Writable({
    write(part, _encoding, done) {
      body += String(part);
      done();
    },
  });
  await handler(structuredClone(TICK_EVENT), stream, context);
  expect(stream.writableEnded).toBe(true);
  const line = written.find((entry) => lineSchema.safeParse(entry).success) as ScalingMetricsLine | undefined;
  if (line !== undefined) autoScaling.observe(line);
  return { line, body };
}

const lease = (requestId: string, changes: Partial<LoadLease> = {}): LoadLease => ({
  requestId,
  key: 'key_a',
  promptTokens: 100,
  minTokens: 0,
  limitTokens: 900,
  usedTokens: 0,
  until: START + 30,
  wantedThinking: 800,
  grantedThinking: 800,
  floorThinking: 100,
  usedThinking: 0,
  elastic: false,
  answerTokens: 100,
  cameAt: START - 5,
  ...changes,
});

describe('The tick of each minute', () => {
  it('the tick writes the scaling metrics and an empty response', async () => {
    fleet.setDesired(2);
    await vi.waitFor(() => expect(fleet.running).toBe(2));
    await leaseStore.put(lease('a', { usedTokens: 300, usedThinking: 300 }));
    const { line, body } = await minute(0);
    expect(line).toMatchObject({
      _aws: { Timestamp: START * 1_000, CloudWatchMetrics: [{ Namespace: 'Budgetforce' }] },
      Endpoint: 'e',
      RunningCopies: 2,
      CommittedTokensPerCopy: 300,
      MissingCopies: 0,
    });
    expect(body).toBe('');
  });

  it('the tick starts copies for requests that wait without a copy', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await leaseStore.put(lease(id));
    const first = await minute(0);
    expect(first.line).toMatchObject({ RunningCopies: 0, MissingCopies: 2 });
    expect(fleet.desired).toBe(2);
    expect(written).toContainEqual(
      expect.objectContaining({ message: 'scaling', copies: 2, reason: expect.stringContaining('6 requests') }),
    );
    await vi.waitFor(() => expect(fleet.running).toBe(2));
    const second = await minute(20);
    expect(second.line).toMatchObject({ RunningCopies: 2, MissingCopies: 0 });
  });

  it('the tick deletes expired and ended leases', async () => {
    await leaseStore.put(lease('alive', { until: START + 80 }));
    await leaseStore.put(lease('dead', { until: START - 1 }));
    await leaseStore.put(lease('over', { endedAt: START - 4, usedTokens: 200 }));
    const { line } = await minute(0);
    expect(line).toMatchObject({ CommittedTokensPerCopy: 900 });
    expect((await leaseStore.all()).map(({ requestId }) => requestId)).toEqual(['alive']);
    expect((await minute(60)).line).toMatchObject({ CommittedTokensPerCopy: 900 });
    // The function of this lease dies, too, so the lease is not renewed.
    expect((await minute(120)).line).toMatchObject({ CommittedTokensPerCopy: 0 });
    expect(await leaseStore.all()).toEqual([]);
  });

  it('the tick scales the endpoint to zero without requests', async () => {
    fleet.setDesired(2);
    await vi.waitFor(() => expect(fleet.running).toBe(2));
    expect((await minute(0)).line).toMatchObject({ SpareCopies: 0 });
    expect((await minute(60)).line).toMatchObject({ SpareCopies: 2 });
    expect(fleet.desired).toBe(0);
    expect((await minute(120)).line).toMatchObject({ RunningCopies: 0, SpareCopies: 0, MissingCopies: 0 });
  });

  it('the tick does nothing if another function has just ticked', async () => {
    expect((await minute(0)).line).toBeDefined();
    expect((await minute(5)).line).toBeUndefined();
    expect((await minute(60)).line).toBeDefined();
  });

  it('the tick continues with the last known copies if SageMaker cannot be reached', async () => {
    fleet.setDesired(1);
    await vi.waitFor(() => expect(fleet.running).toBe(1));
    await minute(0);
    await endpoint.close();
    expect((await minute(60)).line).toMatchObject({ RunningCopies: 1 });
    expect(written).toContainEqual(expect.objectContaining({ level: 'warn', message: 'copies not seen' }));
  });

  it('the tick logs an error, and the invocation succeeds, if the table cannot be reached', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    expect((await minute(0)).line).toBeUndefined();
    expect(written).toEqual([expect.objectContaining({ level: 'error', message: 'scaling not looked at' })]);
  });
});
