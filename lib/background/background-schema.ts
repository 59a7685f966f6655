import { z } from 'zod';
import { type BackgroundSettings, MAX_SEGMENT_SECONDS } from '../../lambda/settings/background-settings.ts';

/** Config of responses in the background. */
export const backgroundSchema = z.strictObject({
  segmentSeconds: z
    .int()
    .min(60)
    .max(MAX_SEGMENT_SECONDS)
    .default(MAX_SEGMENT_SECONDS)
    .describe('Longest segment of work, in seconds. The next segment continues from the tokens so far.'),
  maxHours: z
    .int()
    .min(1)
    .max(168)
    .default(24)
    .describe('Longest time from a request to the end of its response, in hours. Then its thinking is cut.'),
  maxWaitHours: z
    .int()
    .min(0)
    .max(168)
    .default(24)
    .describe(
      'How long a response waits for a copy, or for a place on the endpoint or in the limits of its key, in hours. It is tried again after 15 seconds, then after twice as long each time, at most 5 minutes. Then it fails.',
    ),
  concurrency: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Most responses that run at the same time: reserved concurrency of the function. A start that finds none is tried again by Lambda for 6 hours. If omitted, the concurrency of the account.',
    ),
});
export type BackgroundConfig = z.output<typeof backgroundSchema>;

/** Settings of the functions, without the name of the durable one. */
export function toBackgroundSettings({ segmentSeconds, maxHours, maxWaitHours }: BackgroundConfig): BackgroundSettings {
  return { segmentMs: segmentSeconds * 1_000, maxSeconds: maxHours * 3_600, maxWaitSeconds: maxWaitHours * 3_600 };
}
