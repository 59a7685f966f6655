import * as z from 'zod';
import { nativeBudgetFields } from './budget-fields.ts';
import type { NamedSchemas } from './operation.ts';

/** Types that the responses of all APIs use. */
export const count = z.int().min(0);
export const unixSeconds = z.int().describe('Unix time, in seconds.');
export const text = z.string();

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ object: z.literal('list'), data: z.array(item) });

export const errorSchema = z.strictObject({
  error: z.strictObject({
    message: text.describe('What is wrong, and what to send instead.'),
    type: text,
    param: text.nullable().describe('The invalid field.'),
    code: text.nullable(),
  }),
});

const limitsSchema = z.strictObject({
  min_tokens: count,
  max_tokens: count,
  waits: count,
  max_answer_tokens: count,
  set_by: z
    .strictObject({ min_tokens: text, max_tokens: text, waits: text, max_answer_tokens: text })
    .describe('The source of each limit: a field of the request, `default`, or the reason why it shrank.'),
  shrunk: z.array(z.strictObject({ limit: text, from: count, to: count, because: text })),
});

const loadSchema = z.strictObject({
  elastic: z.boolean(),
  wanted: count.describe('Requested maximum of thinking tokens.'),
  granted: count.describe('Maximum of thinking tokens granted at admission.'),
  floor: count.describe('Lower bound of the maximum under load, in thinking tokens.'),
  set_by: z.enum(['request', 'load']).describe('Whether the request or the load set the granted maximum.'),
  copies: count,
  starting_copies: count,
  pressure: z.number().nullable().describe('Pressure on the copies at admission. Above 1, requests begin to wait.'),
  expected_wait_seconds: count,
});

/** Schema of `budget_forcing`, which toBudgetReport makes. */
export const budgetForcingSchema = z
  .strictObject({
    thinking_tokens: count,
    answer_tokens: count,
    delimiter_tokens: count.describe('Forced tokens that close the thinking and open the answer.'),
    end_reason: z
      .enum(['model', 'budget', 'deadline', 'loop', 'load', 'disabled'])
      .nullable()
      .describe('Why thinking ended.'),
    waits: count.describe('Number of times that the wait text was appended.'),
    segments: count.describe('Number of calls of the model.'),
    sampled_tokens: count,
    forced_tokens: count,
    discarded_tokens: count,
    minimum_missed: z.enum(['cut', 'server_ignores_min_tokens']).nullable(),
    limits: limitsSchema,
    load: loadSchema
      .nullable()
      .describe('How the load of the endpoint changed the request. `null` if the model does not scale by load.'),
    events: z.array(
      z.strictObject({
        kind: z.enum(['wait', 'suppress', 'cut', 'resume']),
        at: count.describe('Index of the thinking token at which it happened.'),
        tokens: count.optional(),
        soft: z.literal(true).optional(),
      }),
    ),
    calls: z.array(
      z.strictObject({
        part: z.enum(['thinking', 'answer']),
        prompt_tokens: count,
        prompt_tokens_evaluated: count.nullable(),
        tokens: count,
        failure: text.nullable(),
      }),
    ),
  })
  .describe('The account of what was forced: `sampled - discarded + forced = thinking + answer + delimiter`.');

/** Schemas that several APIs refer to. */
export const sharedSchemas: { readonly requestSchemas: NamedSchemas; readonly responseSchemas: NamedSchemas } = {
  requestSchemas: { ThinkingBudget: nativeBudgetFields.thinking.unwrap() },
  responseSchemas: { BudgetForcing: budgetForcingSchema, Error: errorSchema },
};
