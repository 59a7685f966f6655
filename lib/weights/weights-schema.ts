import { z } from 'zod';

/** Config of the stack that brings weights into a bucket, inside AWS. */
export const weightsSchema = z.strictObject({
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'Expected the name of a bucket, without s3://')
    .optional()
    .describe('Bucket in the region. If omitted, the stack creates one, which stays when the stack is deleted.'),
  kmsKeyArn: z.string().startsWith('arn:').optional().describe('KMS key of `bucket`, if it is encrypted with one.'),
  tokenSecretName: z
    .string()
    .min(1)
    .optional()
    .describe('Secret in Secrets Manager with the access token of the Hugging Face hub, for a gated model.'),
  maxHours: z.number().min(0.25).max(36).default(8).describe('Longest time of a build, in hours.'),
});
