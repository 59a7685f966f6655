import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { LambdaContext } from '../../../lambda/aws/stream-response.ts';
import { BatchStore } from '../../../lambda/batches/batch-store.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { FileStore } from '../../../lambda/retrieval/stores/file-store.ts';
import { DocumentBucket } from '../../../lambda/retrieval/sync/document-bucket.ts';
import { Table } from '../../../lambda/storage/table.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { type LocalTable, startLocalTable } from '../../../local/local-table.ts';
import { MemoryS3 } from '../../cli/weights/memory-s3.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';
import { writeSettingsFile } from '../aws/settings-file.ts';
import { bytes, IM_END } from '../forcing/tiny-vocabulary.ts';
import { ENDPOINT, inputLine } from './batch-world.ts';

const BUCKET = 'models';
const unixTime = () => Math.floor(Date.now() / 1_000);
let ids = 0;
const newId = () => `h${String(++ids).padStart(5, '0')}`;

let endpoint: LocalEndpoint;
let local: LocalTable;
const s3 = new MemoryS3();
let settingsFile: ReturnType<typeof writeSettingsFile>;
let handler: (event: unknown, context: LambdaContext) => Promise<void>;

/** The event of the rule is of no use to the function. */
const run = async (leftMs: number) => await handler({}, { awsRequestId: 'r', getRemainingTimeInMillis: () => leftMs });

beforeAll(async () => {
  endpoint = await startLocalEndpoint({
    engine: scriptedEngine([...bytes('ok'), IM_END]),
    endpointName: 'e',
    servedModelName: 'scripted',
  });
  local = await startLocalTable();
  const s3Url = await s3.start();
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: endpoint.url,
    AWS_ENDPOINT_URL_DYNAMODB: local.url,
    AWS_ENDPOINT_URL_S3: s3Url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'y',
  }))
    vi.stubEnv(name, value);
  settingsFile = writeSettingsFile({
    models: [
      {
        id: 'scripted',
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
    tableName: local.name,
    retention: { filesDays: 30 },
    batches: { bucket: BUCKET, concurrency: 4, wakeAfterMinutes: 60 },
    requestTimeoutMs: 880_000,
    capacityWaitMs: 600_000,
    keepAliveMs: 10_000,
  });
  vi.stubEnv('BUDGETFORCE_SETTINGS_FILE', settingsFile.path);
  ({ handler } = await import('../../../lambda/batches/handler.ts'));
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  settingsFile.remove();
  s3.close();
  await Promise.all([endpoint.close(), local.close()]);
});

/** A batch of a new key, in the table and the bucket that the function has. */
async function newBatch(count: number) {
  const table = new Table(local.name);
  const documents = new DocumentBucket(BUCKET, new S3Client({}));
  const store = new BatchStore({ table, documents, unixTime, newId, days: 30 });
  const files = new FileStore(table, documents, { unixTime, newId }, 30);
  const { record } = await new KeyStore(table, unixTime).create('jobs');
  const body = { thinking: { max_tokens: 8 } };
  const lines = Array.from({ length: count }, (_, index) => inputLine(String(index), {}, body));
  const content = Buffer.from(lines.join('\n'));
  const file = await files.create(record.id, { filename: 'requests.jsonl', purpose: 'batch', content });
  const { id } = await store.create(record.id, { endpoint: ENDPOINT, inputFileId: file.id });
  return { id, key: record.id, store, files, table };
}

describe('the function of batches', { timeout: 60_000 }, () => {
  it('runs a batch on the endpoint, and writes its output into the bucket and its usage into the table', async () => {
    const { id, key, store, files, table } = await newBatch(6);
    await run(900_000);
    const batch = await store.require(key, id);
    expect(batch).toMatchObject({ status: 'completed', counts: { total: 6, completed: 6, failed: 0 } });
    const output = await files.require(key, batch.outputFileId ?? '');
    const parts: Uint8Array[] = [];
    for await (const part of files.read(key, output)) parts.push(part);
    const lines = Buffer.concat(parts)
      .toString('utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ custom_id: customId }) => customId)).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(lines[0].response.body).toMatchObject({
      object: 'chat.completion',
      budget_forcing: { thinking_tokens: 8, end_reason: 'budget' },
    });
    const usage = [];
    const today = new Date().toISOString().slice(0, 10);
    for await (const record of new Ledger(table, unixTime).records([today], key)) usage.push(record);
    expect(usage.map(({ status, thinking }) => [status, thinking])).toEqual(
      Array.from({ length: 6 }, () => ['settled', 8]),
    );
    expect([...s3.objects.keys()].filter((name) => name.startsWith('batches/'))).toEqual([]);
  });

  it('starts no line if it could not end in the time that is left', async () => {
    const { id, key, store } = await newBatch(2);
    await run(570_000);
    expect(await store.require(key, id)).toMatchObject({ status: 'in_progress', counts: { total: 2, completed: 0 } });
    await run(900_000);
    expect(await store.require(key, id)).toMatchObject({ status: 'completed' });
  });

  it('fails if a batch was interrupted, so that its event is in the dead-letter queue', async () => {
    const { key, id, store, table } = await newBatch(1);
    const record = await table.get(`BATCHES#${key}`, id);
    await table.put({ ...record, pk: `BATCHES#${key}`, sk: id, status: 'unknown' });
    await expect(run(900_000)).rejects.toThrow(/1 batches were interrupted/);
    await store.deleteAll(key).catch(() => undefined);
    for await (const entry of store.queue()) await store.dequeue(entry);
  });
});
