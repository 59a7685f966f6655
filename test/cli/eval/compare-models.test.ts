import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compareModels, comparisonText, questionsKey, verdictOf } from '../../../cli/eval/compare-models.ts';
import { pairedDifference } from '../../../evaluate/statistics/paired-difference.ts';
import { type EvaluationSettings, verdictSchema } from '../../../lib/training/evaluation-settings.ts';
import { budgetforceAnswer, publishedModels, scriptedApi } from '../../evaluate/scripted-api.ts';

const settings: EvaluationSettings = {
  bucket: 'runs',
  endpointName: 'stage',
  component: 'stage-m',
  candidate: 'stage-m-candidate',
  model: { id: 'm', format: 's1', contextTokens: 8_192 },
  questions: 's3://questions/numbers.jsonl',
  budgets: [50, 200],
  limit: 20,
  concurrency: 4,
  calibrate: false,
  maxLossPoints: 0,
};

let folder: string;
let questions: string;
const closing: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'compare-'));
  questions = join(folder, 'numbers.jsonl');
  const rows = Array.from({ length: 20 }, (_, index) => ({
    id: `q${index}`,
    question: `Which number is ${index + 1}?`,
    answer: String(index + 1),
  }));
  writeFileSync(questions, rows.map((row) => JSON.stringify(row)).join('\n'));
});
afterEach(() => {
  for (const close of closing.splice(0)) close();
  rmSync(folder, { recursive: true });
});

/** A model that needs ten tokens for each unit of the number, or is right whatever its budget. */
async function model(modelName: string, knowing = false) {
  const api = await scriptedApi(
    ({ body, ...request }, response) =>
      budgetforceAnswer(
        { ...request, body: knowing ? { ...body, thinking: { ...body.thinking, max_tokens: 1_000 } } : body },
        response,
      ),
    publishedModels,
  );
  closing.push(api.close);
  return { modelName, baseUrl: api.url, folder: join(folder, modelName), received: api.received };
}

const { signal } = new AbortController();

describe('the comparison of a trained model with the one in service', () => {
  it('asks both the same questions, budgets and seeds, and pairs their answers', async () => {
    const [trained, service] = [await model('stage-run-1', true), await model('EndpointModel')];
    const compared = await compareModels(settings, questions, { trained, service }, signal);
    expect(compared.questions).toBe(20);
    const asked = ({ received }: typeof trained) =>
      received.map(({ body }) => [body.messages[0].content, body.thinking.max_tokens, body.seed].join('|')).sort();
    expect(asked(trained)).toEqual(asked(service));
    expect(trained.received).toHaveLength(40);
    const [small, large] = compared.budgets;
    // At 50 tokens five questions are answered in time, at 200 all.
    expect([small?.service.share, small?.trained.share]).toEqual([0.25, 1]);
    expect([large?.service.share, large?.trained.share]).toEqual([1, 1]);
    expect(small?.difference?.share).toBeCloseTo(0.75);
  });

  it('does not ask again what a folder has answered', async () => {
    const [trained, service] = [await model('stage-run-1', true), await model('EndpointModel')];
    await compareModels(settings, questions, { trained, service }, signal);
    const next = await model('stage-run-2', true);
    await compareModels(settings, questions, { trained: next, service: trained }, signal);
    expect(trained.received).toHaveLength(40);
    expect(next.received).toHaveLength(40);
  });

  it('keeps answers to other questions, or by another grader, apart', async () => {
    const key = await questionsKey(questions, settings);
    expect(await questionsKey(questions, { ...settings, grader: 'math' })).not.toBe(key);
    writeFileSync(questions, `${readFileSync(questions, 'utf8')}\n`);
    expect(await questionsKey(questions, settings)).not.toBe(key);
  });

  it('writes a report that a person can read, and says why there is no calibration', async () => {
    const [trained, service] = [await model('stage-run-1', true), await model('EndpointModel')];
    const compared = await compareModels({ ...settings, calibrate: true }, questions, { trained, service }, signal);
    const text = comparisonText(compared);
    expect(text).toContain('# stage-run-1 beside EndpointModel');
    expect(text).toContain('| 50 | 100.0 % (83.9 % to 100.0 %) | 25.0 % (11.2 % to 46.9 %) | +75.0 points');
    expect(text).toContain('The file has 0 questions after the first 20, and a calibration needs 40.');
  });
});

describe('the verdict', () => {
  const at = (before: readonly number[], after: readonly number[]) => {
    const values = (answers: readonly number[]) => answers.map((value, index) => ({ question: `q${index}`, value }));
    const score = (answers: readonly number[]) => ({
      share: answers.reduce((sum, value) => sum + value, 0) / answers.length,
      low: 0,
      high: 1,
      thinkingTokens: 1,
    });
    const difference = pairedDifference(values(before), values(after));
    return { budget: 200, service: score(before), trained: score(after), difference };
  };
  const half = Array.from({ length: 400 }, (_, index) => index % 2);

  it('passes an equal model if it may lose a few points, and not if it may lose none: equality is not certain', () => {
    expect(verdictOf({ maxLossPoints: 5 }, at(half, half))).toMatchObject({ passes: true });
    expect(verdictOf({ maxLossPoints: 0 }, at(half, half))).toMatchObject({
      passes: false,
      sentence: expect.stringMatching(
        /^At 200 thinking tokens the trained model answers 50\.0 % right, the model in service 50\.0 %: a difference of 0\.0 points/,
      ),
    });
  });

  it('never passes a model that is certainly worse than allowed, and always one that is certainly better', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1)), { minLength: 2, maxLength: 200 }),
        fc.integer({ min: 0, max: 100 }),
        (pairs, maxLossPoints) => {
          const last = at(
            pairs.map(([before]) => before),
            pairs.map(([, after]) => after),
          );
          const { passes } = verdictOf({ maxLossPoints }, last);
          if ((last.difference?.high ?? 0) < -maxLossPoints / 100) expect(passes).toBe(false);
          if ((last.difference?.low ?? -1) > 0) expect(passes).toBe(true);
        },
      ),
    );
  });

  it('is a person’s if no rule is set, and fails without answers', () => {
    expect(verdictOf({ maxLossPoints: null }, at(half, half)).sentence).toMatch(/A person decides\.$/);
    expect(verdictOf({ maxLossPoints: 5 }, undefined)).toEqual({
      passes: false,
      sentence: 'No question was answered by both models.',
    });
  });

  it('is what the state machine reads', () => {
    const printed = JSON.stringify(verdictOf({ maxLossPoints: 5 }, at(half, half)));
    expect(verdictSchema.parse(JSON.parse(printed))).toMatchObject({ passes: true });
  });
});
