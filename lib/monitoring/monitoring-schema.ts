import { z } from 'zod';

/** Config of dashboard and alarms. */

const thresholdSchema = z
  .strictObject({
    over: z.number().min(0).describe('Value above which the alarm goes off.'),
    minutes: z.int().min(1).max(1_440).describe('Consecutive minutes.'),
  })
  .optional();

const thresholdsSchema = z.strictObject({
  failures: thresholdSchema.describe('Failed generations, in percent.'),
  serverErrors: thresholdSchema.describe('Responses with status 500 or above, in percent.'),
  throttles: thresholdSchema.describe('Throttled invocations of the function, per minute.'),
  slowFirstToken: thresholdSchema.describe('Time to the first token, 90th percentile, in milliseconds.'),
  noCapacity: thresholdSchema.describe('Calls that found no copy, per minute.'),
});

export const monitoringSchema = z.strictObject({
  dashboard: z.boolean().default(true).describe('Whether to create a dashboard: an estimated three dollars per month.'),
  alarms: z
    .boolean()
    .default(true)
    .describe('Whether to create alarms: an estimated ten cents per month for each metric in an alarm.'),
  alarmTopicArn: z.string().startsWith('arn:').optional().describe('SNS topic that alarms notify.'),
  idleHours: z
    .union([z.int().min(1).max(24), z.literal(false)])
    .default(12)
    .describe('Hours after which copies that run without a request ring an alarm. `false`: never.'),
  stuckMinutes: z
    .union([z.int().min(30).max(1_440), z.literal(false)])
    .default(60)
    .describe(
      'Minutes after which an endpoint or component that is still being created, updated or deleted rings an alarm. `false`: never.',
    ),
  goodAnswers: z
    .strictObject({
      percent: z.number().gt(0).max(100).describe('Lowest share of good answers, in percent.'),
      judged: z
        .int()
        .min(1)
        .default(20)
        .describe('Fewest judged answers in `minutes`. With fewer, the alarm is silent.'),
      minutes: z.int().min(5).max(1_440).default(60).describe('Time over which the share is measured.'),
    })
    .optional()
    .describe(
      'Alarm on the share of good answers by [feedback](feedback.md), on which updates of a model roll back. Omitted: none, because the usual share of your clients is not known.',
    ),
  budget: z
    .strictObject({
      dollarsPerMonth: z.number().gt(0).describe('Amount of a month, in US dollars.'),
      emails: z.array(z.email()).max(10).optional().describe('Addresses that are notified, beside `alarmTopicArn`.'),
    })
    .optional()
    .describe(
      'An AWS Budget over what has the cost tag `budgetforce` = `name`. It notifies at 80 % spent and 100 % forecast.',
    ),
  runbookUrl: z.string().min(1).optional().describe('URL of your copy of docs/runbook.md, for the links in alarms.'),
  dollarsPerInstanceHour: z
    .number()
    .gt(0)
    .optional()
    .describe('Price for the estimate of the cost. If omitted, the built-in list price.'),
  thresholds: thresholdsSchema.optional().describe('Thresholds of alarms that differ from the defaults.'),
});
