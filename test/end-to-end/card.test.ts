import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { evaluate } from '../../evaluate/evaluate.ts';
import { readQuestions } from '../../evaluate/questions/read-questions.ts';
import type { Summary } from '../../evaluate/summarize.ts';
import { startLocal } from '../../local/start-local.ts';

const QUESTIONS = 60;
let summary: Summary;
let card: string;

/** Accuracy of a condition in the table of the model's card. */
function stated(id: string): number {
  const row = new RegExp(`\\| \`${id}\` \\| ([\\d.]+) %`).exec(card);
  if (row === null) throw new Error(`The card has no row for ${id}.`);
  return Number(row[1]) / 100;
}

beforeAll(async () => {
  card = await readFile('local/model/README.md', 'utf8');
  const out = await mkdtemp(join(tmpdir(), 'card-'));
  const server = await startLocal({ port: 0, host: '127.0.0.1' });
  try {
    summary = await evaluate({
      api: { baseUrl: `${server.url}/v1`, model: 'budgetforce-tiny', apiKey: undefined, temperature: undefined },
      target: 'embedded',
      questions: await readQuestions('local/model/questions.jsonl', QUESTIONS),
      conditions: conditionsOf({ budgets: [0, 24, 48, 72], waits: [1], samples: 1, baselineBudgets: [] }),
      seeds: 1,
      concurrency: 4,
      dollarsPerMillionTokens: undefined,
      out,
      signal: new AbortController().signal,
    });
  } finally {
    await server.close();
    await rm(out, { recursive: true });
  }
}, 120_000);

const rowOf = (id: string) => {
  const row = summary.rows.find((found) => found.id === id);
  if (row === undefined) throw new Error(`There is no ${id}.`);
  return row;
};

it.each(['budget-0', 'budget-24', 'budget-48', 'budget-72', 'natural', 'wait-1'])(
  'The tiny model has the accuracy that its card states for %s',
  (id) => {
    // Four standard errors, and a margin for shares near 0 and 1: other processors round, and so sample, differently.
    const share = stated(id);
    const spread = 4 * Math.sqrt((share * (1 - share)) / QUESTIONS) + 2 / QUESTIONS;
    expect(Math.abs(rowOf(id).accuracy.share - share)).toBeLessThan(spread);
  },
);

it('The tiny model keeps every budget, and its accuracy grows with the budget', () => {
  expect(summary.methods['budget']).toMatchObject({ control: 1 });
  expect(summary.methods['budget']?.scaling).toBeGreaterThan(0);
  const shares = ['budget-0', 'budget-24', 'budget-48', 'budget-72'].map((id) => rowOf(id).accuracy.share);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(rowOf('wait-1').accuracy.share).toBeGreaterThan(rowOf('natural').accuracy.share);
});
