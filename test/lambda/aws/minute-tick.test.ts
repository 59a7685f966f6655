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
import { writeSettingsFile } from './settings-file.ts';

type Handler = (event: unknown, stream: Writable, context: LambdaContext) => Promise<void>;

/** A line of metrics in the log: the fields that the step policies read. */
const lineSchema = z.looseObject({ _aws: z.unknown(), MissingCopies: z.number(), SpareCopies: z.number() });

const START = 1_790_000_000;
const context: LambdaContext = { awsRequestId: 'r', getRemainingTimeInMillis: () => 60_000 };

let endpoint: LocalEndpoint;
let table: LocalTable;
let board: LeaseStore;
let fleet: CopyFleet;
let autoScaling: LocalAutoScaling;
let handler: Handler;
let settingsFile: ReturnType<typeof writeSettingsFile>;
let model = 0;
let written: Record<string, unknown>[] = [];

beforeAll(async () => {
  table = await startLocalTable();
});
afterAll(async () => {
  await table.close();
});

// Each test has its own function over one table: a model with its own name has its own load.
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
  board = new LeaseStore(new Table(table.name, client), modelId);
  settingsFile = writeSettingsFile({
    models: [
      {
        id: modelId,
        format: 's1',
        contextTokens: 900,
        upstream: { kind: 'sagemaker', endpointName: 'e', inferenceComponentName: 'component' },
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
  });
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.url,
    AWS_ENDPOINT_URL_SAGEMAKER: endpoint.url,
    AWS_ENDPOINT_URL_DYNAMODB: table.url,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    BUDGETFORCE_SETTINGS_FILE: settingsFile.path,
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
  settingsFile.remove();
  await endpoint.close();
});

/**
 * Invokes the function as the rule does: a constant input replaces EventBridge's event (test/lib/api/ledger-table.test.ts finds it in
 * the template, https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html). Then passes the metrics of
 * the log to the step policies, as CloudWatch does.
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
  const line = written.find((one) => lineSchema.safeParse(one).success) as ScalingMetricsLine | undefined;
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

describe('The scaling update of each minute, through the function', () => {
  it('writes the metrics of the load and sends no response', async () => {
    fleet.setDesired(2);
    await vi.waitFor(() => expect(fleet.running).toBe(2));
    await board.put(lease('a', { usedTokens: 300, usedThinking: 300 }));
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

  it('starts copies for requests that wait at zero, and counts them', async () => {
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await board.put(lease(id));
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

  it('expires the leases of functions that died, and deletes those that ended', async () => {
    await board.put(lease('alive', { until: START + 80 }));
    await board.put(lease('dead', { until: START - 1 }));
    await board.put(lease('over', { endedAt: START - 4, usedTokens: 200 }));
    const { line } = await minute(0);
    expect(line).toMatchObject({ CommittedTokensPerCopy: 900 });
    expect((await board.all()).map(({ requestId }) => requestId)).toEqual(['alive']);
    expect((await minute(60)).line).toMatchObject({ CommittedTokensPerCopy: 900 });
    // Its function dies, too: it does not renew the lease.
    expect((await minute(120)).line).toMatchObject({ CommittedTokensPerCopy: 0 });
    expect(await board.all()).toEqual([]);
  });

  it('lets the endpoint scale to zero when no request arrives', async () => {
    fleet.setDesired(2);
    await vi.waitFor(() => expect(fleet.running).toBe(2));
    expect((await minute(0)).line).toMatchObject({ SpareCopies: 0 });
    expect((await minute(60)).line).toMatchObject({ SpareCopies: 2 });
    expect(fleet.desired).toBe(0);
    expect((await minute(120)).line).toMatchObject({ RunningCopies: 0, SpareCopies: 0, MissingCopies: 0 });
  });

  it('is skipped if the last one is recent', async () => {
    expect((await minute(0)).line).toBeDefined();
    expect((await minute(5)).line).toBeUndefined();
    expect((await minute(60)).line).toBeDefined();
  });

  it('continues with the last known copies if SageMaker is unreachable', async () => {
    fleet.setDesired(1);
    await vi.waitFor(() => expect(fleet.running).toBe(1));
    await minute(0);
    await endpoint.close();
    expect((await minute(60)).line).toMatchObject({ RunningCopies: 1 });
    expect(written).toContainEqual(expect.objectContaining({ level: 'warn', message: 'copies not seen' }));
  });

  it('logs an error and does not throw if the table is unreachable', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_DYNAMODB', 'http://127.0.0.1:1');
    vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
    expect((await minute(0)).line).toBeUndefined();
    expect(written).toEqual([expect.objectContaining({ level: 'error', message: 'scaling not updated' })]);
  });
});
