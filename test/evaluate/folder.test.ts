import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { exportFolder } from '../../evaluate/export/export-folder.ts';
import { readResults } from '../../evaluate/folder/result-folder.ts';
import { regrade } from '../../evaluate/regrade.ts';
import { budgetforceAnswer, publishedModels, scriptedApi } from './scripted-api.ts';

const questions = Array.from({ length: 4 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));

let folder: string;
let api: Awaited<ReturnType<typeof scriptedApi>>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'eval-folder-'));
  api = await scriptedApi(budgetforceAnswer, publishedModels);
});
afterEach(async () => {
  api.close();
  await rm(folder, { recursive: true });
});

const none = { budgets: [], waits: [], samples: 1, baselineBudgets: [] };
const noPrices = { dollarsPerMillionTokens: undefined };

function evaluation(changes: Partial<Evaluation> = {}): Evaluation {
  return {
    api: { baseUrl: api.url, model: 'm', apiKey: undefined, temperature: undefined },
    target: 't',
    questions,
    conditions: conditionsOf({ ...none, budgets: [15] }),
    seeds: 1,
    concurrency: 2,
    dollarsPerMillionTokens: undefined,
    out: folder,
    signal: new AbortController().signal,
    ...changes,
  };
}
const results = () => readResults(join(folder, 'results.jsonl'));

describe('A line of results.jsonl', () => {
  it('has the texts, the seed, the limits and the report of its answer', async () => {
    await evaluate(evaluation());
    const found = (await results()).find(({ condition, question }) => condition === 'budget-15' && question === 'q1');
    expect(found).toMatchObject({
      prompt: 'What is 1?',
      expected: '1',
      grader: 'numeric',
      thought: 'I think of "1",\nand more.',
      answer: 'The answer is 1.',
      promptTokens: 11,
      limits: { max_tokens: 15 },
      report: { thinking_tokens: 10, end_reason: 'model' },
      usage: { completion_tokens: 13 },
    });
    expect(api.received.map(({ body }) => body.seed)).toContain(found?.sentSeed);
    expect(Date.parse(found?.startedAt ?? '')).toBeGreaterThan(0);
    expect(found?.firstTextMs).toBeLessThanOrEqual(found?.ms ?? 0);
  });
});

describe('A folder of results', () => {
  it('is extended by conditions, seeds, samples and questions, and only what is missing is asked', async () => {
    await evaluate(evaluation({ questions: questions.slice(0, 2) }));
    expect(api.received).toHaveLength(2 * 2);
    const conditions = conditionsOf({ ...none, samples: 2, budgets: [25], waits: [1] });
    const report = await evaluate(evaluation({ conditions, seeds: 2 }));
    // natural: 4 questions, 2 seeds, 2 samples, of which 2 were known; budget-25 and wait-1: 8 each.
    expect(api.received).toHaveLength(4 + 14 + 16);
    expect(report.rows.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['budget-15', 'budget-25', 'natural', 'wait-1', 'vote-2']),
    );
    await evaluate(evaluation({ conditions, seeds: 2 }));
    expect(api.received).toHaveLength(34);
  });

  it('refuses another model, other weights, and a question that changed, and is left as it was', async () => {
    await evaluate(evaluation({ weights: 'a' }));
    const before = await readFile(join(folder, 'questions.jsonl'), 'utf8');
    const other = [{ ...questions[0], id: 'q0', question: 'What is 0?', answer: '7' }];
    await expect(evaluate(evaluation({ questions: other }))).rejects.toThrow(
      'another expected answer: "0", and now "7"',
    );
    const graded = [{ ...questions[0], id: 'q0', question: 'What is 0?', answer: '0', grader: 'exact' as const }];
    await expect(evaluate(evaluation({ questions: graded }))).rejects.toThrow('Grade it again first');
    await expect(evaluate(evaluation({ weights: 'b' }))).rejects.toThrow('another weights\' hash: "a", and now "b"');
    // The weights say that a new URL is the same model.
    await expect(evaluate(evaluation({ weights: 'a', target: 'u' }))).resolves.toBeDefined();
    expect(await readFile(join(folder, 'questions.jsonl'), 'utf8')).toBe(before);
  });

  it('is checked against the published limits before the first question', async () => {
    const asks = async (options: Partial<Parameters<typeof conditionsOf>[0]>) =>
      await evaluate(evaluation({ conditions: conditionsOf({ ...none, ...options }) }));
    await expect(asks({ waits: [1, 99] })).rejects.toThrow('wait-99 cannot be asked: m has at most 64 Waits.');
    await expect(asks({ budgets: [16, 5_000] })).rejects.toThrow('budget-5000 cannot be asked');
    const wrong = { ...evaluation().api, model: 'x' };
    await expect(evaluate(evaluation({ api: wrong }))).rejects.toThrow('no model "x". Write --model with one of: m.');
    expect(api.received).toHaveLength(0);
    await expect(readFile(join(folder, 'settings.json'))).rejects.toThrow();
  });

  it('is graded again without asking, by another grader too', async () => {
    await evaluate(evaluation());
    const path = join(folder, 'results.jsonl');
    // A grade that a faulty grader gave.
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('"correct":true', '"correct":false'));
    const asked = api.received.length;
    const again = await regrade(folder, undefined, noPrices);
    expect(again).toMatchObject({ answers: 8, nowRight: 6, nowWrong: 0 });
    await expect(regrade(folder, 'choice', noPrices)).rejects.toThrow('no answer to question "q0" can match "0"');
    await regrade(folder, 'exact', noPrices);
    expect((await results()).every(({ grader }) => grader === 'exact')).toBe(true);
    expect(api.received).toHaveLength(asked);
  });

  it('that has no results is refused by grade and export', async () => {
    await expect(regrade(folder, undefined, noPrices)).rejects.toThrow('holds no results');
    await expect(exportFolder(folder, 'csv')).rejects.toThrow('holds no results');
  });
});

describe('Baselines in the prompt', () => {
  it("step- and class-conditional control send the paper's sentences and no budget", async () => {
    const conditions = conditionsOf({ ...none, steps: [1], lengths: ['short', 'long'] });
    const { rows } = await evaluate(evaluation({ conditions }));
    const asked = api.received.filter(({ body }) => body.messages[0].content.includes('\n\n'));
    expect(asked).toHaveLength(12);
    expect(asked.every(({ body }) => body.thinking.max_tokens === undefined)).toBe(true);
    expect(asked.map(({ body }) => body.messages[0].content)).toContain('What is 3?\n\nThink for up to 1 steps.');
    // Its thinking equals the natural one, so it is neither longer than short allows nor shorter than long does.
    expect(rows.find(({ id }) => id === 'class-conditional-long')?.control).toBe(1);
    expect(rows.find(({ id }) => id === 'step-conditional-1')?.control).toBe(1);
  });
});

describe('An export', () => {
  it('to CSV gives back every text', async () => {
    await evaluate(evaluation());
    const [path = ''] = await exportFolder(folder, 'csv');
    const rows: Record<string, string>[] = parse(await readFile(path), { columns: true });
    const found = await results();
    expect(rows).toHaveLength(found.length);
    for (const row of rows) {
      const own = found.find(
        ({ condition, question }) => condition === row['condition'] && question === row['question'],
      );
      expect(row).toMatchObject({ thought: own?.thought, answer: own?.answer, correct: String(own?.correct) });
      expect(JSON.parse(row['report'] ?? '')).toEqual(own?.report);
    }
  });

  it('to inspect-ai and lm-eval has the accuracy of the summary for each condition', async () => {
    const { rows } = await evaluate(evaluation({ seeds: 2 }));
    const share = (id: string) => rows.find((row) => row.id === id)?.accuracy.share;
    for (const path of await exportFolder(folder, 'inspect')) {
      const log = JSON.parse(await readFile(path, 'utf8'));
      expect(log.results.scores[0].metrics.accuracy.value).toBeCloseTo(share(log.eval.task_args.condition) ?? -1, 12);
      expect(
        new Set(log.samples.map((sample: { id: string; epoch: number }) => `${sample.id}|${sample.epoch}`)).size,
      ).toBe(8);
    }
    const [results = '', ...samples] = await exportFolder(folder, 'lm-eval');
    const aggregated = JSON.parse(await readFile(results, 'utf8'));
    expect(aggregated.results['budget-15']['exact_match,none']).toBe(share('budget-15'));
    expect(samples).toHaveLength(2);
  });
});
