import * as z from 'zod';
import { invalidRequest } from '../../errors/api-error.ts';
import { feedbackMetrics } from '../../feedback/feedback.ts';
import type { FeedbackPlace } from '../../feedback/feedback-store.ts';
import { day } from '../usage/query.ts';

const groups = ['metric', 'model', 'budget', 'policy'] as const;
export type FeedbackGroup = (typeof groups)[number];

const MAX_PAGE = 100;
const wholeNumber = z.string().regex(/^\d{1,7}$/, 'must be a whole number');

export const feedbackQuerySchema = z.strictObject({
  /** First day of the responses, in UTC. @default - six days before `to` */
  from: day.optional(),
  /** Last day of the responses, in UTC. @default - today */
  to: day.optional(),
  metric: z.enum(feedbackMetrics).optional(),
  /** Id of the model that answered. */
  model: z.string().max(128).optional(),
  /** Maximum of the thinking in force, in tokens. */
  max_tokens: wholeNumber.optional(),
  policy: z.string().max(256).optional(),
  /** Id of a key. */
  key: z.string().max(64).optional(),
  /** `metric`, `model`, `budget` or `policy`, or several separated by commas. @default - all four */
  group_by: z
    .string()
    .regex(
      /^(metric|model|budget|policy)(,(metric|model|budget|policy))*$/,
      `must list some of ${groups.join(', ')}, separated by commas`,
    )
    .optional(),
  /** Feedback on a page, 1 to 100. @default 20 */
  limit: wholeNumber
    .refine((text) => Number(text) >= 1 && Number(text) <= MAX_PAGE, `must be a whole number from 1 to ${MAX_PAGE}`)
    .optional(),
  /** `next` of the page before. */
  after: z.string().max(1_024).optional(),
});
export type FeedbackQuery = z.infer<typeof feedbackQuerySchema>;

export const storedQuerySchema = z.strictObject({
  from: feedbackQuerySchema.shape.from,
  to: feedbackQuerySchema.shape.to,
  /** Id of the model of the request. */
  model: feedbackQuerySchema.shape.model,
  key: feedbackQuerySchema.shape.key,
  /** Conversations on a page, 1 to 100. @default 10 */
  limit: feedbackQuerySchema.shape.limit,
  after: feedbackQuerySchema.shape.after,
});

export const deletionQuerySchema = z
  .strictObject({
    /** Id of a key. */
    key: z.string().min(1).max(64).optional(),
    /** The `user` of requests. */
    user: z.string().min(1).max(512).optional(),
  })
  .meta({ description: 'At least one of the two.' });

/** The fields by which counts are grouped, in a fixed order. */
export function groupsOf({ group_by: by }: FeedbackQuery): readonly FeedbackGroup[] {
  const asked = by?.split(',');
  return groups.filter((group) => asked?.includes(group) ?? true);
}

const placeSchema = z.tuple([z.string(), z.string()]);

export function toCursor({ day: ofDay, place }: FeedbackPlace): string {
  return Buffer.from(JSON.stringify([ofDay, place])).toString('base64url');
}

/** @throws {ApiError} 400 if it is no cursor of a page of these days */
export function fromCursor(cursor: string, days: readonly string[]): FeedbackPlace {
  try {
    const [ofDay, place] = placeSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    if (days.includes(ofDay)) return { day: ofDay, place };
  } catch {
    // Not a cursor of ours.
  }
  throw invalidRequest('after', 'after is not the next of a page of these days. Begin again without it.');
}
