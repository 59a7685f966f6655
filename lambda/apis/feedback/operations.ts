import * as z from 'zod';
import { feedbackMetrics, feedbackSchema } from '../../feedback/feedback.ts';
import { type ApiDescription, body, ok, parameter, refused } from '../operation.ts';
import { text, unixSeconds } from '../response-schemas.ts';

/** OpenAPI description of feedback. */
export const description: ApiDescription<'giveFeedback' | 'deleteStored'> = {
  operations: {
    giveFeedback: {
      tags: ['feedback'],
      summary: 'Say how good an answer is',
      description:
        'The response must be stored: the deployment’s config has `retention.feedbackDays`, the key has `store: true`, and the request did not refuse with `x-budgetforce-store: false`. Feedback with the same id and metric replaces. At most 16 KB.',
      requestBody: body('Feedback', {
        id: 'chatcmpl-0123456789abcdef',
        metric: 'thumbs',
        value: true,
        comment: 'Just what I needed.',
        tags: { page: 'help' },
      }),
      responses: { ...ok('FeedbackStored'), ...refused('Error') },
    },
    deleteStored: {
      tags: ['feedback'],
      summary: 'Delete a stored response with its feedback',
      description:
        'Deletes the conversation, the thinking, the answer and all feedback. Only with the key of the request.',
      parameters: [parameter('path', 'id', { type: 'string' }, 'The id of a response.')],
      responses: { ...ok('StoredDeleted'), ...refused('Error') },
    },
  },
  requestSchemas: { Feedback: feedbackSchema },
  responseSchemas: {
    FeedbackStored: z.strictObject({
      object: z.literal('feedback'),
      id: text,
      metric: z.enum(feedbackMetrics),
      created: unixSeconds,
    }),
    StoredDeleted: z.strictObject({ id: text, deleted: z.literal(true) }),
  },
};
