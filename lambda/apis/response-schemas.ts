import * as z from 'zod';
import { nativeBudgetFields } from './budget-fields.ts';
import type { NamedSchemas } from './operation.ts';

/** Types that the responses of all APIs are made of. */
export const count = z.int().min(0);
export const unixSeconds = z.int().describe('Unix time. Seconds.');
export const text = z.string();

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ object: z.literal('list'), data: z.array(item) });

export const errorSchema = z.strictObject({
  error: z.strictObject({
    message: text.describe('What is wrong, and what to write instead.'),
    type: text,
    param: text.nullable().describe('The field that is wrong.'),
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
    .describe('A field of the request, `default`, or what made the limit shrink.'),
  shrunk: z.array(z.strictObject({ limit: text, from: count, to: count, because: text })),
});

const loadSchema = z.strictObject({
  elastic: z.boolean(),
  wanted: count.describe('Thinking tokens that were asked for at most.'),
  granted: count.describe('Thinking tokens at most when it was let in.'),
  floor: count.describe('Below this it cannot shrink.'),
  set_by: z.enum(['request', 'load']).describe('Who set what was granted.'),
  copies: count,
  starting_copies: count,
  pressure: z.number().nullable().describe('How full the copies were; above 1 requests begin to wait.'),
  expected_wait_seconds: count,
});

/** `budget_forcing`, as toBudgetReport makes it. */
export const budgetForcingSchema = z
  .strictObject({
    thinking_tokens: count,
    answer_tokens: count,
    delimiter_tokens: count.describe('Forced tokens that only close the thinking and open the answer.'),
    end_reason: z
      .enum(['model', 'budget', 'deadline', 'loop', 'load', 'disabled'])
      .nullable()
      .describe('Why the thinking ended.'),
    waits: count.describe('How often the wait text was appended.'),
    segments: count.describe('Calls of the model.'),
    sampled_tokens: count,
    forced_tokens: count,
    discarded_tokens: count,
    minimum_missed: z.enum(['cut', 'server_ignores_min_tokens']).nullable(),
    limits: limitsSchema,
    load: loadSchema
      .nullable()
      .describe('What the load of the endpoint made of the request. `null`: nobody looks at it.'),
    events: z.array(
      z.strictObject({
        kind: z.enum(['wait', 'suppress', 'cut', 'resume']),
        at: count.describe('The thinking token at which it happened.'),
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

/** Schemas that several APIs name. */
export const sharedSchemas: { readonly requestSchemas: NamedSchemas; readonly responseSchemas: NamedSchemas } = {
  requestSchemas: { ThinkingBudget: nativeBudgetFields.thinking.unwrap() },
  responseSchemas: { BudgetForcing: budgetForcingSchema, Error: errorSchema },
};
