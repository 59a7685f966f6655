import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../../../lambda/settings/settings.ts';
import { type LocalTable, startLocalTable } from '../../../local/local-table.ts';

const settings: Settings = {
  models: [
    {
      id: 'm',
      format: 's1',
      contextTokens: 4_096,
      upstream: { kind: 'openai-compatible', baseUrl: 'http://127.0.0.1:9/v1', servedModelName: 'm' },
      tokenizer: { kind: 'endpoint' },
      defaultMaxThinkingTokens: 100,
      maxThinkingTokens: 1_000,
      defaultMaxAnswerTokens: 100,
      efforts: {},
    },
  ],
  tableName: 'budgetforce',
  contentBucket: 'content',
  retention: { responsesDays: 30, feedbackDays: 0, filesDays: 0 },
  background: { segmentMs: 480_000, maxSeconds: 86_400, maxWaitSeconds: 86_400 },
  requestTimeoutMs: 880_000,
  capacityWaitMs: 600_000,
  keepAliveMs: 15_000,
};

let table: LocalTable;
const folder = mkdtempSync(join(tmpdir(), 'background-handler-'));
const before = { ...process.env };
beforeAll(async () => {
  table = await startLocalTable();
  const file = join(folder, 'settings.json');
  writeFileSync(file, JSON.stringify(settings));
  Object.assign(process.env, {
    BUDGETFORCE_SETTINGS_FILE: file,
    AWS_ENDPOINT_URL_DYNAMODB: table.url,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: false });
});
afterAll(async () => {
  await LocalDurableTestRunner.teardownTestEnvironment();
  await table.close();
  process.env = before;
  rmSync(folder, { recursive: true });
});

describe('The function of the background', { timeout: 60_000 }, () => {
  it('composes itself from its settings, and ends for a response that was deleted meanwhile', async () => {
    const { handler } = await import('../../../lambda/background/handler.ts');
    const runner = new LocalDurableTestRunner({ handlerFunction: handler });
    const execution = await runner.run({ payload: { key: 'key_1', id: 'resp_1' } });
    expect(execution.getStatus()).toBe('SUCCEEDED');
    expect(execution.getResult()).toEqual({ kind: 'ended', status: 'deleted' });
  });

  it('fails for an event that names no response', async () => {
    const { handler } = await import('../../../lambda/background/handler.ts');
    const execution = await new LocalDurableTestRunner({ handlerFunction: handler }).run({ payload: { id: 7 } });
    expect(execution.getStatus()).toBe('FAILED');
  });
});
