import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseSettings, readSettings } from '../../../lambda/settings/read-settings.ts';

const model = {
  id: 'm',
  format: 's1',
  contextTokens: 900,
  upstream: { kind: 'sagemaker', endpointName: { variable: 'BUDGETFORCE_ENDPOINT_NAME' } },
  tokenizer: { kind: 'endpoint' },
  defaultMaxThinkingTokens: 20,
  maxThinkingTokens: 100,
  defaultMaxAnswerTokens: 20,
  efforts: { none: 0 },
};
const settings = {
  tableName: { variable: 'BUDGETFORCE_TABLE_NAME' },
  requestTimeoutMs: 60_000,
  capacityWaitMs: 0,
  keepAliveMs: 0,
  models: [model],
};
const environment = { BUDGETFORCE_TABLE_NAME: 'table', BUDGETFORCE_ENDPOINT_NAME: 'stage' };

const parse = (input: unknown, variables: Record<string, string> = environment) =>
  parseSettings({ name: 'settings.json', text: JSON.stringify(input) }, variables);

const folder = mkdtempSync(join(tmpdir(), 'budgetforce-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('settings in two parts', () => {
  it('values of the environment replace their references in the file', () => {
    expect(parse(settings)).toMatchObject({
      tableName: 'table',
      models: [{ upstream: { kind: 'sagemaker', endpointName: 'stage' } }],
    });
  });

  it('the file may hold every value', () => {
    const upstream = { kind: 'sagemaker', endpointName: 'stage' };
    expect(parse({ ...settings, tableName: 'table', models: [{ ...model, upstream }] }, {})).toEqual(parse(settings));
  });

  it.each([
    ['a variable that is not set', settings, { BUDGETFORCE_TABLE_NAME: 'table' }],
    ['a variable with a wrong value', settings, { ...environment, BUDGETFORCE_TABLE_NAME: '' }],
    ['a wrong value in the file', { ...settings, models: [{ ...model, contextTokens: 1 }] }, environment],
    ['an unknown field', { ...settings, color: 'red' }, environment],
  ])('the error names the file or the variable for %s', (_what, input, variables) => {
    expect(() => parse(input, variables)).toThrowErrorMatchingSnapshot();
  });

  it('the error names a file that is not JSON', () => {
    expect(() => parseSettings({ name: 'settings.json', text: '{' }, {})).toThrow(
      /^The settings file settings\.json is not JSON: /,
    );
  });

  it('the file is read beside the code, or from the path that a variable names', () => {
    const [beside, other] = [join(folder, 'settings.json'), join(folder, 'other.json')];
    expect(() => readSettings(environment, beside)).toThrow(
      /settings\.json cannot be read\. .*set BUDGETFORCE_SETTINGS_FILE to its path\.$/,
    );
    writeFileSync(beside, JSON.stringify(settings));
    writeFileSync(other, JSON.stringify({ ...settings, keepAliveMs: 7 }));
    expect(readSettings(environment, beside).keepAliveMs).toBe(0);
    expect(readSettings({ ...environment, BUDGETFORCE_SETTINGS_FILE: other }, beside).keepAliveMs).toBe(7);
  });
});
