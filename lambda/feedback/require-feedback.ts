import type { AppDependencies } from '../context.ts';
import { ApiError } from '../errors/api-error.ts';
import type { FeedbackStore } from './feedback-store.ts';

/** @throws {ApiError} 404 if the deployment stores no feedback */
export function requireFeedback({ feedback }: Pick<AppDependencies, 'feedback'>): FeedbackStore {
  if (feedback !== undefined) return feedback;
  throw new ApiError(
    404,
    'This deployment stores no conversations and no feedback. Set retention.feedbackDays in its config.',
    { code: 'feedback_off' },
  );
}
