import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { thresholdsFrom } from '../../cli/eval/calibration-option.ts';
import { parseConditionId } from '../../evaluate/conditions.ts';

let folder: string;
let questions: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'calibration-'));
  questions = join(folder, 'questions.jsonl');
  path = join(folder, 'calibration.json');
  await writeFile(questions, 'the rows');
});
afterEach(async () => await rm(folder, { recursive: true }));

async function write(changes: object = {}, rows: object = {}) {
  const sha256 = createHash('sha256').update('the rows').digest('hex');
  const calibration = {
    id: 'c',
    measure: 'tail',
    unsureBelow: 0.4,
    sureAbove: 0.9,
    provenance: {
      date: '2026-01-02',
      model: 'm',
      weights: 'w',
      temperature: null,
      questions: { sha256, first: 101, last: 200, calibration: 50, heldOut: 50, ...rows },
      splitSeed: 0,
      seeds: 1,
      ...changes,
    },
  };
  await writeFile(path, JSON.stringify(calibration));
}

function read(changes: { model?: string; weights?: string; rows?: number; condition?: string } = {}) {
  const { model = 'm', weights = 'w', rows = 100, condition = 'unsure-wait-1' } = changes;
  const conditions = [parseConditionId(condition)].filter((parsed) => parsed !== undefined);
  expect(conditions).toHaveLength(1);
  return thresholdsFrom(path, { model, weights, conditions, questions, rows });
}

describe('--calibration', () => {
  it('gives the thresholds of its file', async () => {
    await write();
    expect(await read()).toEqual({ measure: 'tail', unsureBelow: 0.4, sureAbove: 0.9, calibration: 'c' });
  });

  it.each(['unsure-wait-1', 'sure', 'risk-5'])(
    'is refused for %s if one of its questions is judged',
    async (condition) => {
      await write();
      await expect(read({ rows: 101, condition })).rejects.toThrow(
        'were found on rows 101 to 200 of ' +
          questions +
          ', and rows 1 to 101 of it are asked now. Give --limit 100 or other questions',
      );
    },
  );

  it('is not read for conditions without a threshold', async () => {
    await write();
    expect(await read({ rows: 200, condition: 'wait-1' })).toBeUndefined();
    expect(
      await thresholdsFrom('none', { model: 'm', weights: undefined, conditions: [], questions, rows: 1 }),
    ).toBeUndefined();
  });

  it('takes any rows of another file', async () => {
    await write({}, { sha256: '0'.repeat(64) });
    expect(await read({ rows: 200 })).toMatchObject({ calibration: 'c' });
  });

  it('is refused for another model and for other weights', async () => {
    await write();
    await expect(read({ model: 'n' })).rejects.toThrow('is a calibration of the model m, but unsure-wait-1 asks n.');
    await expect(read({ weights: 'v' })).rejects.toThrow('is a calibration of other weights');
  });

  it('is refused if the file is no calibration or does not exist', async () => {
    await writeFile(path, '{"id":"c","measure":"tail","unsureBelow":2}');
    await expect(read()).rejects.toThrow(/is not a calibration: [\s\S]*unsureBelow/);
    await writeFile(path, '{');
    await expect(read()).rejects.toThrow('cannot be read');
    await rm(path);
    await expect(read()).rejects.toThrow('cannot be read');
  });
});
