import { neededMs } from '../../lambda/generation/timing.ts';
import type { ZeroCopiesSettings } from '../../lambda/settings/settings.ts';

/** Times of a request, in seconds. */
interface RequestTimes {
  readonly requestSeconds: number;
  readonly capacityWaitSeconds: number;
}

/** Default wait for the first copy if no cold start can be estimated, and its minimum, in seconds. */
const MIN_CAPACITY_WAIT_SECONDS = 600;
/** Margin of the wait over the estimated cold start. */
const CAPACITY_WAIT_MARGIN = 1.25;

/**
 * Returns the wait for the first copy that holds for the slowest model, in seconds.
 *
 * @param startSeconds estimated cold starts of the models that may be at zero copies
 */
export function defaultCapacityWait(startSeconds: readonly number[], requestSeconds: number): number {
  const waits = startSeconds.map((seconds) => Math.ceil((seconds * CAPACITY_WAIT_MARGIN) / 60) * 60);
  return Math.min(requestSeconds, Math.max(MIN_CAPACITY_WAIT_SECONDS, ...waits));
}

/**
 * Says what a client of a model sees while the model has no copy: a stream that waits, or 503.
 *
 * @param maxAnswerTokens default maximum of the answer
 */
export function afterZero(
  modelId: string,
  { startSeconds, secondsPerToken }: Pick<ZeroCopiesSettings, 'startSeconds' | 'secondsPerToken'>,
  { requestSeconds, capacityWaitSeconds }: RequestTimes,
  maxAnswerTokens: number,
): string {
  if (capacityWaitSeconds === 0) {
    return `While ${modelId} has no copy, requests get 503 with Retry-After at once, because capacityWaitSeconds is 0.`;
  }
  if (startSeconds === undefined) {
    return `While ${modelId} has no copy, requests wait up to ${capacityWaitSeconds} s. Its cold start is unknown without models[].architecture.`;
  }
  const needed = neededMs(
    { minTokens: 0, maxAnswerTokens },
    requestSeconds * 1_000,
    secondsPerToken && secondsPerToken * 1_000,
  );
  const latest = Math.floor(Math.min(capacityWaitSeconds, requestSeconds - needed / 1_000));
  const start = `While ${modelId} has no copy, its first one takes about ${startSeconds} s to start (estimate)`;
  return startSeconds <= latest
    ? `${start}: requests wait, their streams are kept alive, and about ${requestSeconds - startSeconds} s are left for thinking and answer. Set the timeout of clients to ${requestSeconds} s or more.`
    : `${start}, but a request can wait only ${latest} s (capacityWaitSeconds ${capacityWaitSeconds}; requestSeconds ${requestSeconds} less the time of an answer): requests get 503 with Retry-After at once, and clients have to ask again. With copies.min 1 or a schedule, a copy runs before requests come.`;
}
