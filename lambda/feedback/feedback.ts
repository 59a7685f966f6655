import * as z from 'zod';

const id = z.string().min(1).max(128);

/** What feedback may say, by the name of its metric. */
export const feedbackValues = {
  thumbs: z.boolean().describe('Whether the user likes the answer.'),
  correct: z.boolean().describe('Whether the answer is right.'),
  score: z.number().min(0).max(1).describe('How good the answer is, from 0 to 1.'),
  preferred: z
    .strictObject({ over: id.describe('Id of the other response.') })
    .describe('The answer is better than that of another response of the same key.'),
  correction: z
    .strictObject({ answer: z.string().min(1).describe('The answer as it should have been.') })
    .describe('The answer as it should have been.'),
} as const;
export type FeedbackMetric = keyof typeof feedbackValues;
export const feedbackMetrics = [
  'thumbs',
  'correct',
  'score',
  'preferred',
  'correction',
] as const satisfies readonly FeedbackMetric[];

const more = {
  comment: z.string().nullish().describe('Words of the user.'),
  tags: z
    .record(z.string().min(1).max(64), z.string().max(512))
    .refine((tags) => Object.keys(tags).length <= 16, 'must have at most 16 tags')
    .nullish()
    .describe('Up to 16 tags of the client, for instance the version of its page.'),
};

/** The body of `POST /v1/feedback`. */
export const feedbackSchema = z.discriminatedUnion('metric', [
  z.strictObject({ id, metric: z.literal('thumbs'), value: feedbackValues.thumbs, ...more }),
  z.strictObject({ id, metric: z.literal('correct'), value: feedbackValues.correct, ...more }),
  z.strictObject({ id, metric: z.literal('score'), value: feedbackValues.score, ...more }),
  z.strictObject({ id, metric: z.literal('preferred'), value: feedbackValues.preferred, ...more }),
  z.strictObject({ id, metric: z.literal('correction'), value: feedbackValues.correction, ...more }),
]);
export type Feedback = z.infer<typeof feedbackSchema>;

/** How good feedback says that an answer is, 0 to 1. `undefined` of metrics that compare or correct. */
export function goodnessOf({ metric, value }: Pick<StoredFeedback, 'metric' | 'value'>): number | undefined {
  if (metric !== 'thumbs' && metric !== 'correct' && metric !== 'score') return undefined;
  return Number(value);
}

/** What the table has of feedback. Texts are in an object. */
export const storedFeedbackSchema = z.object({
  id: z.string(),
  key: z.string(),
  metric: z.enum(feedbackMetrics),
  /** Missing if it is a text. */
  value: z.union([z.boolean(), z.number(), z.strictObject({ over: z.string() })]).optional(),
  /** Unix time, in seconds. */
  created: z.int(),
  ttl: z.int(),
  model: z.string(),
  budget: z.object({ min_tokens: z.int(), max_tokens: z.int(), waits: z.int() }),
  policy: z.string(),
  thinking_tokens: z.int().optional(),
  answer_tokens: z.int().optional(),
  /** Name of the object with `FeedbackTexts`, if there are any. */
  object: z.string().optional(),
});
export type StoredFeedback = z.infer<typeof storedFeedbackSchema>;

/** What clients wrote in words. */
export const feedbackTextsSchema = z.object({
  correction: z.string().optional(),
  comment: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
});
export type FeedbackTexts = z.infer<typeof feedbackTextsSchema>;
