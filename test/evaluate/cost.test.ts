import { describe, expect, it } from 'vitest';
import { conditionsOf } from '../../evaluate/conditions.ts';
import { dollarsOf, processedTokens } from '../../evaluate/cost.ts';
import { plotsOf } from '../../evaluate/plots.ts';
import type { Result } from '../../evaluate/results.ts';
import { summarize } from '../../evaluate/summarize.ts';

const calls = [
  { part: 'thinking', prompt_tokens: 20, prompt_tokens_evaluated: 20, tokens: 100, failure: null },
  { part: 'probe', prompt_tokens: 125, prompt_tokens_evaluated: 5, tokens: 8, failure: null },
  { part: 'thinking', prompt_tokens: 121, prompt_tokens_evaluated: null, tokens: 40, failure: 'broken' },
  { part: 'answer', prompt_tokens: 165, prompt_tokens_evaluated: 4, tokens: 7, failure: null },
];

describe('processedTokens', () => {
  it('counts prompts and tokens of every call, probes and broken ones included', () => {
    expect(processedTokens({ calls })).toEqual({ prompt: 20 + 5 + 121 + 4, sampled: 100 + 8 + 40 + 7 });
  });

  it('counts the other and the aborted samples of a vote', () => {
    expect(processedTokens({ calls, vote: { other_tokens: 300, aborted_tokens: 50 } })?.sampled).toBe(505);
  });

  it('counts the models of a route that did not answer', () => {
    const attempts = [
      { model: 'small', usage: { prompt_tokens: 19, completion_tokens: 60 } },
      { model: 'large', usage: { prompt_tokens: 20, completion_tokens: 155 } },
    ];
    const alone = processedTokens({ calls });
    expect(processedTokens({ calls, route: { answered_by: 'large' }, attempts })).toEqual({
      prompt: (alone?.prompt ?? 0) + 19,
      sampled: (alone?.sampled ?? 0) + 60,
    });
    // Without a route, attempts are the upstreams of one model, whose calls are listed.
    expect(processedTokens({ calls, attempts })).toEqual(alone);
  });

  it('knows nothing of an account without calls', () => {
    for (const account of [undefined, null, {}, { calls: [] }, { calls: 'none' }])
      expect(processedTokens(account)).toBeUndefined();
  });

  it('costs prompt and sampled tokens at their own prices', () => {
    expect(dollarsOf({ prompt: 1_000, sampled: 100 }, { prompt: 3, completion: 15 })).toBeCloseTo(0.0045, 12);
  });
});

const result = (fields: Partial<Result>): Result => ({
  condition: 'natural',
  question: 'q0',
  seed: 0,
  sample: 0,
  model: 'm',
  prompt: 'p',
  expected: '1',
  grader: 'numeric',
  thought: '',
  answer: '1',
  correct: true,
  key: '1',
  sentSeed: 1,
  tries: 1,
  rejected: false,
  thinkingTokens: 100,
  answerTokens: 7,
  forcedTokens: 0,
  spentTokens: 107,
  promptTokens: 20,
  waits: 0,
  endReason: 'model',
  limits: null,
  report: {
    calls: [
      { prompt_tokens: 20, tokens: 100 },
      { prompt_tokens: 121, tokens: 7 },
    ],
  },
  usage: null,
  note: null,
  startedAt: '2026-01-01T00:00:00Z',
  firstTextMs: 1,
  ms: 1,
  ...fields,
});
const options = { budgets: [50], waits: [], baselineBudgets: [], samples: 1 };
const row = (summary: ReturnType<typeof summarize>, id: string) => {
  const found = summary.rows.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no ${id}.`);
  return found;
};

describe('The summary of costs', () => {
  it('charges a cut text what it had thought, not the natural run', () => {
    const results = [
      result({ promptTokens: 141 }),
      result({ question: 'q1', thinkingTokens: 30, spentTokens: 37, promptTokens: 71 }),
      result({ condition: 'budget-50', thinkingTokens: 50, spentTokens: 57 }),
    ];
    const cut = row(summarize(conditionsOf(options), results, { prompt: 1, completion: 10 }), 'cut-text-50');
    // The first text was cut after its prompt and 50 tokens; the second had ended.
    expect(cut.spentTokens).toBe((50 + 37) / 2);
    expect(cut.promptTokens).toBe((20 + 71) / 2);
    expect(cut.dollarsPerAnswer).toBeCloseTo(((20 + 71) * 1 + (50 + 37) * 10) / 2 / 1e6, 12);
    expect(cut.dollarsPerRightAnswer).toBeCloseTo((91 + 870) / 1e6, 12);
  });

  it('plots rejection sampling at what all its attempts spent', () => {
    const conditions = conditionsOf({ ...options, baselineBudgets: [50] });
    const results = [0, 1].map((question) =>
      result({ condition: 'rejection-50', question: `q${question}`, thinkingTokens: 40, spentTokens: 400, tries: 4 }),
    );
    const summary = summarize(conditions, results, undefined);
    expect(plotsOf({ ...summary, model: 'm' })['accuracy.svg']).toMatch(/rejection[^<]*400/);
  });

  it('gives tokens and dollars an interval over questions', () => {
    const results = [60, 80, 100, 140].map((thinkingTokens, index) =>
      result({ question: `q${index}`, thinkingTokens, spentTokens: thinkingTokens + 7, correct: index > 0 }),
    );
    const natural = row(summarize(conditionsOf(options), results, 10), 'natural');
    expect(natural.thinkingTokensInterval?.low).toBeLessThan(95);
    expect(natural.thinkingTokensInterval?.high).toBeGreaterThan(95);
    const { dollarsPerRightAnswer = 0, dollarsPerRightAnswerInterval: interval } = natural;
    expect(dollarsPerRightAnswer).toBeCloseTo(((408 + 80) * 10) / 3 / 1e6, 12);
    expect(interval?.low).toBeLessThan(dollarsPerRightAnswer);
    expect(interval?.high).toBeGreaterThan(dollarsPerRightAnswer);
  });
});

describe('Control', () => {
  it('of runs counts means, of answers each answer', () => {
    const conditions = conditionsOf({ budgets: [], waits: [2], samples: 1, baselineBudgets: [50, 80] });
    const runs = [
      ...[40, 40, 45, 60].map((tokens, index) => ['token-conditional-50', tokens, index] as const),
      ...[90, 90, 90, 60].map((tokens, index) => ['token-conditional-80', tokens, index] as const),
      ...[200, 200].map((tokens, index) => ['wait-2', tokens, index] as const),
    ];
    const results = runs.map(([condition, thinkingTokens, index]) =>
      result({ condition, thinkingTokens, question: `q${index}`, waits: condition === 'wait-2' ? 2 - index : 0 }),
    );
    const { methods, rows } = summarize(conditions, results, undefined);
    // Means of 46.25 within 50, and of 82.5 above 80; three and one of four answers within.
    expect(methods['token-conditional']).toMatchObject({ controlOfRuns: 0.5, control: 0.5 });
    expect(rows.map(({ id, runInBudget, control }) => [id, runInBudget, control])).toEqual([
      ['wait-2', undefined, 0.5],
      ['token-conditional-50', true, 0.75],
      ['token-conditional-80', false, 0.25],
    ]);
    expect(methods['wait']).toMatchObject({ controlOfRuns: null, control: 0.5 });
  });
});
