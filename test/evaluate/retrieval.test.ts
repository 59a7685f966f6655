import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { conditionId, conditionsOf, parseConditionId } from '../../evaluate/conditions.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { reportText } from '../../evaluate/report.ts';
import { publishedModels, scriptedApi } from './scripted-api.ts';

const questions = Array.from({ length: 6 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));

/** Knows the answer only from passages of 500 tokens or more. */
function readingAnswer({ body }: { readonly body: Body }, response: ServerResponse): void {
  const number = /\d+/.exec(body.messages[0]?.content ?? '')?.[0];
  const tokens = body.retrieval?.max_tokens ?? 0;
  const event = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
  event({ choices: [{ delta: { content: `The answer is ${tokens >= 500 ? number : 99}.` }, finish_reason: 'stop' }] });
  const account = { thinking_tokens: 7, answer_tokens: 3, forced_tokens: 0, waits: 0, end_reason: 'model' };
  const retrieval = { when: 'before', tokens: Math.floor(tokens * 0.8), search_ms: 1, passages: [], left_out: 0 };
  event({ choices: [], budget_forcing: { ...account, ...(body.retrieval === undefined ? {} : { retrieval }) } });
  response.end('data: [DONE]\n\n');
}
interface Body {
  readonly messages: readonly { readonly content: string }[];
  readonly retrieval?: { readonly max_tokens: number };
}

let api: Awaited<ReturnType<typeof scriptedApi>>;
let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'retrieval-'));
  api = await scriptedApi(readingAnswer, publishedModels);
});
afterEach(async () => {
  api.close();
  await rm(out, { recursive: true });
});

const conditions = conditionsOf({
  budgets: [32],
  waits: [],
  samples: 2,
  baselineBudgets: [],
  retrieval: [0, 100, 500],
});
const evaluation = (changes: Partial<Evaluation> = {}): Evaluation => ({
  api: { baseUrl: api.url, model: 'm', apiKey: undefined, temperature: undefined, stores: ['vs_1'] },
  ...{ target: api.url, questions, conditions, seeds: 1, concurrency: 2, dollarsPerMillionTokens: undefined, out },
  signal: new AbortController().signal,
  ...changes,
});

describe('a grid of retrieval and thinking', () => {
  it('asks every condition without passages and with each number of their tokens', () => {
    const ids = conditions.map(conditionId);
    expect(ids).toEqual([
      'budget-32',
      'budget-32+retrieval-100',
      'budget-32+retrieval-500',
      'natural',
      'natural+retrieval-100',
      'natural+retrieval-500',
    ]);
    for (const [at, id] of ids.entries()) {
      expect(parseConditionId(id, conditions[at]?.samples)).toEqual(conditions[at]);
    }
    expect(parseConditionId('natural+retrieval-0')).toBeUndefined();
    expect(parseConditionId('natural+retrieval-1+retrieval-2')).toBeUndefined();
  });

  it('looks the question up in the stores, within the tokens of the condition', async () => {
    await evaluate(evaluation());
    const sent = api.received.map(({ body }) => body.retrieval);
    expect(sent.filter((each) => each === undefined)).toHaveLength(6 + 12);
    expect(sent).toContainEqual({ stores: ['vs_1'], max_tokens: 500, query: 'What is 3?' });
  });

  it('the folder has accuracy and passages of each, a plot, and goes on with the same stores only', async () => {
    const report = await evaluate(evaluation());
    const rows = report.rows.map(({ id, retrieval, retrievedTokens, accuracy, gain }) => ({
      ...{ id, retrieval, retrievedTokens, share: accuracy.share, gain: gain?.share },
    }));
    expect(rows).toContainEqual({
      id: 'natural',
      retrieval: undefined,
      retrievedTokens: undefined,
      share: 0,
      gain: undefined,
    });
    expect(rows).toContainEqual({
      id: 'natural+retrieval-100',
      retrieval: 100,
      retrievedTokens: 80,
      share: 0,
      gain: 0,
    });
    expect(rows).toContainEqual({
      id: 'budget-32+retrieval-500',
      retrieval: 500,
      retrievedTokens: 400,
      share: 1,
      gain: 1,
    });
    expect(Object.keys(report.methods)).toContain('budget+retrieval-500');
    expect(reportText(report)).toMatch(/thinking +passages +sampled/);
    expect(await readdir(out)).toContain('retrieval.svg');
    expect(await readFile(join(out, 'retrieval.svg'), 'utf8')).toContain('budget-32+retrieval-500');
    const other = evaluate(evaluation({ api: { ...evaluation().api, stores: ['vs_2'] } }));
    await expect(other).rejects.toThrow('list of stores');
  });

  it('without passages there is no plot and no column of them', async () => {
    const plain = conditionsOf({ budgets: [32], waits: [], samples: 1, baselineBudgets: [] });
    const report = await evaluate(evaluation({ conditions: plain }));
    expect(await readdir(out)).not.toContain('retrieval.svg');
    expect(reportText(report)).not.toContain('passages');
  });
});
