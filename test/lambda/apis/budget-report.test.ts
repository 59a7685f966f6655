import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { OccasionalReport } from '../../../lambda/apis/budget-report.ts';
import { budgetForcingSchema } from '../../../lambda/apis/response-schemas.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { chat, scriptedApp } from '../scripted-world.ts';

/** Every member that only some answers have. */
const occasional: Required<OccasionalReport> = {
  answer_cut_by: 'deadline',
  ignored: [{ field: 'verbosity', reason: 'no_effect' }],
  confidence: { measure: 'min_token', value: 0.41, tokens: 120 },
  gates_off: 'no_logprobs',
  risk: { requested: 0.05, upper_bound: 0.04, calibration: 'c1' },
  probes: { count: 2, tokens: 18 },
  vote: {
    requested: 8,
    started: 4,
    finished: 3,
    aborted: 1,
    other_tokens: 300,
    aborted_tokens: 210,
    decided_by: 'lead',
    counts: [{ answer: '7', votes: 3 }],
  },
  route: { id: 'auto', answered_by: 'large', kept_because: 'failed' },
  attempts: [
    {
      model: 's1-32b',
      reason: 'unsure',
      usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
      confidence: 0.2,
      dollars: 0.0003,
    },
  ],
  failover: {
    upstream: 'spare',
    moves: [{ from: 's1-32b', to: 'spare', because: 'model_unavailable', continued_from: 'text' }],
    passed_over: [{ upstream: 'other', because: 'logprobs' }],
  },
  retrieval: {
    when: 'unsure',
    tokens: 812,
    search_ms: 14,
    passages: [{ id: 'p_1', file_id: 'file_1', filename: 'a.md', score: 0.7, tokens: 203 }],
    left_out: 2,
  },
};

describe('The schema of budget_forcing', () => {
  const script = [
    { says: '\nTwo.', ends: IM_START },
    { says: '\nFour.', ends: IM_END },
  ];

  it('accepts the report of an answer, alone and with every occasional member, and nothing else', async () => {
    const response = await scriptedApp(script).app.request('/v1/chat/completions', chat({}));
    const { budget_forcing: report } = z.object({ budget_forcing: z.looseObject({}) }).parse(await response.json());
    expect(budgetForcingSchema.parse(report)).toEqual(report);
    expect(budgetForcingSchema.parse({ ...report, ...occasional })).toEqual({ ...report, ...occasional });
    expect(budgetForcingSchema.safeParse({ ...report, other: 1 }).success).toBe(false);
    expect(
      budgetForcingSchema.safeParse({ ...report, confidence: { measure: 'min_token', value: 2, tokens: 1 } }).success,
    ).toBe(false);
  });
});
