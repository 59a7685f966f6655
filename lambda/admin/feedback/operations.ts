import * as z from 'zod';
import { type ApiDescription, ok, refused } from '../../apis/operation.ts';
import { count, listOf, text, unixSeconds } from '../../apis/response-schemas.ts';
import { feedbackMetrics } from '../../feedback/feedback.ts';
import { contentSchema } from '../../feedback/stored-generation.ts';
import { deletionQuerySchema, feedbackQuerySchema, storedQuerySchema } from './query.ts';

const metric = z.enum(feedbackMetrics);
const budget = z.strictObject({ min_tokens: count, max_tokens: count, waits: count });
const policy = text.describe(
  '`fixed`, or the rules of the request joined by `+`: `risk`, `wait_when_unsure`, `stop_when_sure`, `vote`, `route:ID`.',
);

const feedbackRow = z.strictObject({
  id: text,
  key: text,
  metric,
  value: z
    .union([z.boolean(), z.number(), z.strictObject({ over: text }), z.strictObject({ answer: text })])
    .nullable()
    .describe('`null` if its text is being deleted.'),
  comment: text.optional(),
  tags: z.record(text, text).optional(),
  created: unixSeconds,
  model: text,
  budget,
  policy,
  thinking_tokens: count.optional(),
  answer_tokens: count.optional(),
});

const countRow = z.strictObject({
  metric: metric.optional(),
  model: text.optional(),
  budget: budget.optional(),
  policy: policy.optional(),
  count,
  judged: count.describe('Feedback that judges an answer: thumbs, correct and score.'),
  good: z
    .number()
    .min(0)
    .describe('Sum of the judgements, each from 0 to 1. `good / judged` is the share of good answers.'),
});

/** OpenAPI description of the feedback of all keys. */
export const description: ApiDescription<'listFeedback' | 'listStored' | 'deleteStoredOf'> = {
  operations: {
    listFeedback: {
      tags: ['feedback'],
      summary: 'List feedback, and count it by metric, model, budget and policy',
      description:
        'Feedback on the responses of some days, in the order of the days and of the ids. Requires an admin key. The first page has the counts of all matching feedback.',
      query: feedbackQuerySchema,
      responses: { ...ok('FeedbackList'), ...refused('Error') },
    },
    listStored: {
      tags: ['feedback'],
      summary: 'List stored conversations',
      description:
        'The conversations of some days with thinking, answers and all samples of a vote, as they are stored. Requires an admin key. `npx budgetforce preferences export` makes training data of them.',
      query: storedQuerySchema,
      responses: { ...ok('StoredList'), ...refused('Error') },
    },
    deleteStoredOf: {
      tags: ['feedback'],
      summary: 'Delete what is stored of a key, or of a user',
      description:
        'Deletes stored conversations and their feedback: of a key, of a `user` over all keys, or of a `user` with a key. Requires an admin key. Requests that still run are stored after it.',
      query: deletionQuerySchema,
      responses: { ...ok('StoredOfDeleted'), ...refused('Error') },
    },
  },
  responseSchemas: {
    FeedbackList: listOf(feedbackRow).extend({
      from: text,
      to: text,
      counts: z.array(countRow).optional().describe('Only on the first page.'),
      next: text.nullable().describe('`after` of the next page. `null` on the last one.'),
    }),
    StoredList: listOf(contentSchema.extend({ key: text })).extend({
      from: text,
      to: text,
      next: text.nullable().describe('`after` of the next page. `null` on the last one.'),
    }),
    StoredOfDeleted: z.strictObject({ deleted: count, key: text.optional(), user: text.optional() }),
  },
};
