import * as z from 'zod';
import { ignoredReasons } from '../generation/request.ts';
import { nativeBudgetFields } from './budget-fields.ts';
import type { OccasionalReport } from './budget-report.ts';
import type { NamedSchemas } from './operation.ts';

/** Types that the responses of all APIs use. */
export const count = z.int().min(0);
export const unixSeconds = z.int().describe('Unix time, in seconds.');
export const text = z.string();

export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.looseObject({ object: z.literal('list'), data: z.array(item) });

/** Why a request in the background does not run at the moment. */
export const waitingSchema = z
  .strictObject({ code: text, message: text, since: unixSeconds, retry_at: unixSeconds })
  .describe('Why it does not run at the moment, since when, and when it is tried again.');

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

const occasionalReport = {
  answer_cut_by: z
    .literal('deadline')
    .optional()
    .describe('Set if the time limit of the request ended the answer. Its finish reason is then that of a maximum.'),
  ignored: z
    .array(z.strictObject({ field: text, reason: z.enum(ignoredReasons) }))
    .optional()
    .describe('Fields of the request that had no effect.'),
  confidence: z
    .strictObject({ measure: text, value: z.number().min(0).max(1), tokens: count })
    .optional()
    .describe('How sure the model was of its thought: a measure of log-probabilities, over `tokens` tokens.'),
  risk: z
    .strictObject({ requested: z.number(), upper_bound: z.number(), calibration: text })
    .optional()
    .describe('The policy that `thinking.risk` chose: the upper 95 % bound of its wrong answers, by the calibration.'),
  gates_off: z
    .enum(['no_logprobs', 'no_threshold'])
    .optional()
    .describe(
      'Set if rules by confidence, which the key or the config asks for, were off: the model server gave no log-probabilities, or their measure has no threshold for this model.',
    ),
  probes: z
    .strictObject({ count, tokens: count })
    .optional()
    .describe('Questions whether the thinking can end, and the tokens that were sampled for them.'),
  vote: z
    .strictObject({
      requested: count.describe('Number of samples that the request asked for.'),
      started: count,
      finished: count,
      aborted: count.describe('Samples that were started, and not finished when the vote was decided.'),
      other_tokens: count.describe(
        'Thinking and answer tokens of the finished samples that are not in the response. They are billed, but not in `usage`.',
      ),
      aborted_tokens: count.describe('Tokens of the samples that did not finish. They are billed, but not in `usage`.'),
      probe_tokens: count
        .optional()
        .describe('Tokens of the probes of all samples, if any ran. They are billed, but not in `usage`.'),
      decided_by: z
        .enum(['all', 'lead', 'agree', 'certain', 'deadline'])
        .describe(
          '`all`: every sample counted. `lead`, `agree`: the condition of the request. `certain`: the other samples could not change the winner. `deadline`: the time was over.',
        ),
      counts: z.array(z.strictObject({ answer: text, votes: count, weight: z.number().min(0).optional() })),
    })
    .optional(),
  attempts: z
    .array(
      z.strictObject({
        model: text,
        reason: z
          .enum(['first', 'unsure', 'disagree', 'failed', 'hedge'])
          .describe('`first`, or why the attempt followed the one before.'),
        usage: z.strictObject({ prompt_tokens: count, completion_tokens: count, total_tokens: count }),
        probe_tokens: count
          .optional()
          .describe('Tokens of its probes, if any ran. They are in `dollars`, but not in `usage`.'),
        confidence: z.number().min(0).max(1).optional(),
        dollars: z.number().min(0).optional(),
        failure: text.optional().describe('Code of the failure, if the model failed.'),
      }),
    )
    .optional()
    .describe(
      'The runs of models that led to the answer, if there was more than one, or if the request names a route.',
    ),
  route: z
    .strictObject({
      id: text,
      answered_by: text.describe('Id of the model whose answer it is.'),
      kept_because: z
        .enum(['failed', 'budget', 'unmeasured'])
        .optional()
        .describe(
          'Why the answer went out although its model was not found to be sure: every further model failed, the budget was used up, or its server gave no log-probabilities.',
        ),
    })
    .optional()
    .describe('Who answered, if the request names a route.'),
  failover: z
    .strictObject({
      upstream: text.describe('Upstream that finished the answer.'),
      moves: z.array(
        z.strictObject({
          from: text,
          to: text,
          because: text.describe('Code of the failure, `circuit_open` or `hedge`.'),
          continued_from: z
            .enum(['ids', 'text'])
            .describe(
              '`ids`: exactly from where the call broke. `text`: from its text, in the ids of another vocabulary.',
            ),
        }),
      ),
      passed_over: z
        .array(z.strictObject({ upstream: text, because: text }))
        .describe('Fallbacks that could not take the request, and what they lack for it.'),
    })
    .optional()
    .describe(
      'How the request moved between the upstreams of its model. Each token is counted once, as the model counts that sampled it.',
    ),
  retrieval: z
    .strictObject({
      when: z.enum(['before', 'unsure']),
      tokens: count.describe('Tokens of all passages together, with what marks them.'),
      search_ms: z.number().min(0),
      passages: z
        .array(z.strictObject({ id: text, file_id: text, filename: text, score: z.number(), tokens: count }))
        .describe('By score. The passage with the number `[n]` is the n-th.'),
      left_out: count.describe('Passages that were found and not placed, since the maximum of tokens was reached.'),
      failure: text.optional().describe('Code of the failure, if the search failed while the model was thinking.'),
    })
    .optional()
    .describe('The passages that were looked up.'),
} as const satisfies Record<keyof OccasionalReport, z.ZodType>;

/** Schema of `budget_forcing`, which toBudgetReport makes. */
export const budgetForcingSchema = z
  .strictObject({
    thinking_tokens: count,
    answer_tokens: count,
    delimiter_tokens: count.describe('Forced tokens that close the thinking and open the answer.'),
    end_reason: z
      .enum(['model', 'budget', 'deadline', 'loop', 'load', 'shutdown', 'sure', 'disabled'])
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
        kind: z.enum(['wait', 'wait_skipped', 'suppress', 'probe', 'retrieval', 'cut', 'resume']),
        at: count.describe('Index of the thinking token at which it happened.'),
        tokens: count.optional(),
        value: z.number().min(0).max(1).optional().describe('Confidence, of a skipped Wait, a probe or a look-up.'),
        soft: z.literal(true).optional(),
        text: text.optional().describe('The text of a Wait, if `wait_text` is a list of several.'),
      }),
    ),
    calls: z.array(
      z.strictObject({
        part: z.enum(['thinking', 'answer', 'probe']),
        prompt_tokens: count,
        prompt_tokens_evaluated: count.nullable(),
        tokens: count,
        failure: text.nullable(),
        upstream: text
          .optional()
          .describe(
            'Upstream that made the call: the id of a model, or the name of a fallback. Only if the model has fallbacks.',
          ),
      }),
    ),
    ...occasionalReport,
  })
  .describe(
    'The account of what was forced: `sampled - discarded + forced = thinking + answer + delimiter + probe + aborted`. A completed answer has no aborted tokens; without `probes`, theirs are 0. Passages are input, and in none of these.',
  );

/** Schemas that several APIs refer to. */
export const sharedSchemas: { readonly requestSchemas: NamedSchemas; readonly responseSchemas: NamedSchemas } = {
  requestSchemas: { ThinkingBudget: nativeBudgetFields.thinking.unwrap() },
  responseSchemas: { BudgetForcing: budgetForcingSchema, Error: errorSchema },
};
