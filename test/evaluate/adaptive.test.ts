import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConditionId } from '../../evaluate/conditions.ts';
import { dollarsOfAnswer } from '../../evaluate/cost.ts';
import { type Evaluation, evaluate } from '../../evaluate/evaluate.ts';
import { methods } from '../../evaluate/methods.ts';
import { reportText } from '../../evaluate/report.ts';
import { budgetforceAnswer, publishedModels, scriptedApi } from './scripted-api.ts';

const questions = Array.from({ length: 10 }, (_, index) => ({
  id: `q${index}`,
  question: `What is ${index}?`,
  answer: String(index),
}));
const thresholds = { measure: 'tail', unsureBelow: 0.4, sureAbove: 0.9, calibration: 'c' } as const;
const models = {
  data: [
    ...publishedModels.data,
    { id: 'large', price: { prompt: 1, completion: 8 } },
    { id: 'r', route: { models: ['m', 'large'] } },
  ],
};

let api: Awaited<ReturnType<typeof scriptedApi>>;
let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'adaptive-'));
  api = await scriptedApi(budgetforceAnswer, models);
});
afterEach(async () => {
  api.close();
  await rm(out, { recursive: true });
});

function evaluation(ids: readonly string[], changes: Partial<Evaluation> = {}): Evaluation {
  return {
    api: { baseUrl: api.url, model: 'm', apiKey: undefined, temperature: undefined, thresholds },
    target: api.url,
    questions,
    conditions: ids.map((id) => parseConditionId(id)).filter((condition) => condition !== undefined),
    seeds: 1,
    concurrency: 2,
    dollarsPerMillionTokens: undefined,
    out,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe('conditions by confidence', () => {
  it('ask with the thresholds of the calibration', async () => {
    await evaluate(evaluation(['unsure-wait-2', 'sure', 'risk-7']));
    const sent = (field: string) => api.received.find(({ body }) => body.thinking[field] !== undefined)?.body.thinking;
    expect(sent('unsure_below')).toMatchObject({
      waits: 2,
      wait_when: 'unsure',
      unsure_below: 0.4,
      confidence_measure: 'tail',
    });
    expect(sent('sure_above')).toMatchObject({ stop_when: 'sure', sure_above: 0.9 });
    expect(sent('risk')).toMatchObject({ risk: 0.07 });
  });

  it('end the run at once if the API refuses one of them', async () => {
    api.close();
    api = await scriptedApi((request, response, count) => {
      if (request.body.thinking.risk === undefined) return budgetforceAnswer(request, response);
      response.writeHead(400).end(`no calibration, request ${count}`);
    }, models);
    await expect(evaluate(evaluation(['natural', 'wait-1', 'risk-7'], { concurrency: 1 }))).rejects.toThrow(
      'no calibration, request 3',
    );
    expect(api.received).toHaveLength(3);
  });

  it('are not mixed with those of other thresholds in one folder', async () => {
    await evaluate(evaluation(['unsure-wait-1']));
    const other = { ...evaluation(['unsure-wait-1']).api, thresholds: { ...thresholds, unsureBelow: 0.5 } };
    await expect(evaluate(evaluation(['unsure-wait-1'], { api: other }))).rejects.toThrow('another set of thresholds');
    // Conditions without a threshold may be added.
    await evaluate(evaluation(['wait-1'], { api: other }));
  });

  it('say in the report where their thresholds are from', async () => {
    const report = await evaluate(evaluation(['unsure-wait-1']));
    expect(reportText(report)).toContain(
      'Thresholds: unsure below 0.4 (tail), sure above 0.9, from the calibration c, which was made on other questions.',
    );
    expect(reportText(await evaluate(evaluation(['wait-1'], { out: `${out}/plain` })))).not.toContain('Thresholds');
  });
});

describe('savings', () => {
  it('compare a rule with what it replaces, paired by question', async () => {
    const { savings, rows } = await evaluate(
      evaluation(['natural', 'wait-2', 'unsure-wait-2', 'unsure-wait-1', 'sure']),
    );
    const tokens = (id: string) => rows.find((row) => row.id === id)?.spentTokens ?? 0;
    expect(savings.map(({ condition, insteadOf }) => [condition, insteadOf])).toEqual([
      ['unsure-wait-2', 'wait-2'],
      ['sure', 'natural'],
    ]);
    expect(savings[0]?.tokens).toBeCloseTo(tokens('unsure-wait-2') / tokens('wait-2'), 9);
    expect(savings[0]?.gain).toMatchObject({ share: 0, questions: 10 });
  });

  it('count all sampled tokens for each right answer', async () => {
    const { rows } = await evaluate(evaluation(['budget-25']));
    const [row] = rows;
    expect(row?.tokensPerRightAnswer).toBeCloseTo(((row?.spentTokens ?? 0) * 10) / (row?.accuracy.right ?? 0), 9);
  });
});

describe('a route', () => {
  it('is asked by its id, and its last model by its own', async () => {
    await evaluate(evaluation(['natural', 'route', 'last-model'], { route: 'r' }));
    const asked = Map.groupBy(api.received, ({ body }) => String(body.model));
    expect(new Map([...asked].map(([model, requests]) => [model, requests.length]))).toEqual(
      new Map([
        ['m', 10],
        ['r', 10],
        ['large', 10],
      ]),
    );
  });

  it('is refused without a route, or with one that the API lacks', async () => {
    await expect(evaluate(evaluation(['route']))).rejects.toThrow('route needs a route: --route ID. The API has: r.');
    await expect(evaluate(evaluation(['route'], { route: 's' }))).rejects.toThrow('There is no route "s".');
    expect(api.received).toEqual([]);
  });

  it('costs each of its models at its own price', () => {
    const report = {
      calls: [{ prompt_tokens: 20, prompt_tokens_evaluated: 4, tokens: 100 }],
      route: { answered_by: 'large' },
      attempts: [
        { model: 'm', usage: { prompt_tokens: 19, completion_tokens: 60 } },
        { model: 'large', usage: { prompt_tokens: 20, completion_tokens: 100 } },
      ],
    };
    const prices = { m: { prompt: 1, completion: 2 }, large: { prompt: 10, completion: 20 } };
    const answer = { model: 'r', report, promptTokens: 4 + 19, spentTokens: 100 + 60 };
    expect(dollarsOfAnswer(answer, { prompt: 0, completion: 0 }, prices) * 1e6).toBeCloseTo(
      19 * 1 + 60 * 2 + 4 * 10 + 100 * 20,
      6,
    );
  });

  it('costs as before if only one price is known', () => {
    const answer = { model: 'm', report: null, promptTokens: 10, spentTokens: 20 };
    expect(dollarsOfAnswer(answer, { prompt: 1, completion: 2 }, {}) * 1e6).toBeCloseTo(50, 6);
    expect(
      dollarsOfAnswer(answer, { prompt: 1, completion: 2 }, { m: { prompt: 2, completion: 4 } }) * 1e6,
    ).toBeCloseTo(100, 6);
  });
});

describe('methods that are cheaper than another one', () => {
  it('name one that exists', () => {
    for (const { cheaperThan } of Object.values(methods))
      if (cheaperThan !== undefined) expect(Object.keys(methods)).toContain(cheaperThan);
  });
});
