import * as z from 'zod';

/** Longest segment of work, in seconds: SageMaker ends a streaming call after 8 minutes. */
export const MAX_SEGMENT_SECONDS = 480;

/** How responses run in the background. */
export const backgroundSettingsSchema = z.strictObject({
  /** Durable function that runs them: a version or an alias. If omitted, this function is it. */
  functionArn: z.string().min(1).optional(),
  /** Longest segment of work, in milliseconds. */
  segmentMs: z
    .int()
    .min(1_000)
    .max(MAX_SEGMENT_SECONDS * 1_000),
  /** Longest time from the request to the end of its response, in seconds. */
  maxSeconds: z.int().min(60),
  /** Longest wait for a place, in seconds. */
  maxWaitSeconds: z.int().min(0),
});
export type BackgroundSettings = z.infer<typeof backgroundSettingsSchema>;
