import { z } from 'zod';
import { policySchema } from '../../lambda/settings/policy-settings.ts';
import { countSchema } from './endpoint-schema.ts';

/** Config of a model's copies, their scaling and their adapters. */

const count = z.int().min(0);
const seconds = z.int().min(0);

const thinkingScalingSchema = z.strictObject({
  elastic: z
    .enum(['asked', 'always', 'never'])
    .optional()
    .describe(
      'Requests whose thinking may shrink: `asked`, if the request or its key asks for it; `always`, unless the request refuses; `never`. If omitted, `asked`.',
    ),
  startSeconds: seconds
    .optional()
    .describe(
      'Assumed start time of a copy until one has been measured, in seconds. If omitted, the cold start that `plan` computes; 600 without an architecture.',
    ),
  policy: policySchema.optional().describe('Settings of the policies.'),
});

const scheduleSchema = z.strictObject({
  name: z.string().min(1),
  schedule: z
    .string()
    .min(1)
    .describe(
      '`cron(0 7 ? * MON-FRI *)` (minutes, hours, day of month, month, day of week, year; exactly one of the two days is `?`), `at(2027-01-01T07:00:00)` or `rate(1 day)`.',
    ),
  timezone: z
    .string()
    .min(1)
    .optional()
    .describe('IANA time zone of `cron` and `at`, for instance `Europe/Berlin`. If omitted, UTC.'),
  min: count,
  max: count,
});

const scalingSchema = z.strictObject({
  committedTokensPerCopy: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Second target: thinking tokens that the requests of one copy may still use. Adds copies before requests queue.',
    ),
  thinking: thinkingScalingSchema
    .optional()
    .describe('Scaling by the load of every request: elastic budgets, and copies by the policies.'),
  scaleOutCooldownSeconds: seconds
    .optional()
    .describe('Cooldown after copies were added, in seconds. If omitted, 300.'),
  scaleInCooldownSeconds: seconds
    .optional()
    .describe('Cooldown after copies were removed, in seconds. If omitted, 300.'),
  schedule: z.array(scheduleSchema).optional().describe('Ranges of copies that apply from scheduled times.'),
});

const adapterSchema = z.strictObject({
  id: z.string().min(1).max(128).describe('Name that a client writes in `model`.'),
  uri: z
    .string()
    .startsWith('s3://')
    .describe('Archive with the adapter’s files: `s3://bucket/prefix/adapter.tar.gz`.'),
});

/** Fields of a model that describe its copies. */
export const copyFields = {
  copies: countSchema,
  requestsPerCopy: z.int().min(1).default(8).describe('Target of scaling: requests in flight per copy.'),
  memoryMib: z
    .int()
    .min(128)
    .optional()
    .describe('Host memory that one copy reserves, in MiB. If omitted, half of its GPUs’ share.'),
  downloadSeconds: seconds
    .optional()
    .describe('Timeout for the download of the weights from S3, in seconds. If omitted, fits their size.'),
  startupSeconds: seconds
    .optional()
    .describe('Timeout until the server is healthy, in seconds. If omitted, fits the weights’ size.'),
  scaling: scalingSchema.optional().describe('Scaling beyond `requestsPerCopy`.'),
  adapters: z.array(adapterSchema).default([]).describe('LoRA adapters that the model’s copies also serve.'),
  environment: z.record(z.string(), z.string()).optional().describe('Further environment variables of the container.'),
};
