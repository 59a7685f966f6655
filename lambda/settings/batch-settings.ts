import * as z from 'zod';

const time = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'Expected a time of 24 hours, for instance "22:00"');
export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const batchWindowSchema = z.strictObject({
  from: time.describe('Local time at which lines may start, for instance `22:00`.'),
  to: time.describe('Local time from which none may start. If it is before `from`, on the next day.'),
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .max(weekdays.length)
    .optional()
    .describe('Days on which the window begins. If omitted, every day.'),
  timezone: z.string().min(1).default('UTC').describe('IANA name, for instance `Europe/Berlin`.'),
});
export type BatchWindow = z.output<typeof batchWindowSchema>;

/** Rules by which lines of batches start. */
export const batchRulesSchema = z.strictObject({
  concurrency: z
    .int()
    .min(1)
    .max(256)
    .default(16)
    .describe('Lines that one run of the worker sends at once. The load of the copies may allow fewer.'),
  wakeAfterMinutes: z
    .int()
    .min(0)
    .max(1_440)
    .default(60)
    .describe(
      'Time that a batch waits for copies that other requests start. After it, or in a window, a line wakes an endpoint without copies.',
    ),
  windows: z
    .array(batchWindowSchema)
    .min(1)
    .max(32)
    .optional()
    .describe('Times in which lines may start. If omitted, always.'),
});
export type BatchRules = z.output<typeof batchRulesSchema>;

export const batchSettingsSchema = batchRulesSchema.extend({
  /** S3 bucket of input, results and output. */
  bucket: z.string().min(1),
});
