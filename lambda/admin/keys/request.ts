import * as z from 'zod';
import { keyLimitsSchema, keyRecordSchema } from '../../keys/key-record.ts';

/** A key that lasts less than this would be gone before its first use. */
const MINUTE_IN_DAYS = 0.0007;

export const newKeySchema = z.strictObject({
  /** Purpose or owner of the key. */
  name: z.string().min(1).max(128),
  limits: keyLimitsSchema.default({}),
  store: keyRecordSchema.shape.store,
  raw_prompts: keyRecordSchema.shape.raw_prompts,
  /** Lifetime, in days. If omitted, the key does not expire. */
  expires_in_days: z.number().min(MINUTE_IN_DAYS).max(3_650).optional(),
});

export const rotateSchema = z.strictObject({
  /** How long the old value stays valid, in seconds. */
  grace_seconds: z.int().min(0).max(2_592_000).default(0),
});

/** A change of a key. An omitted field stays as it is; `limits` replaces all limits. */
export const keyChangeSchema = z
  .strictObject({
    limits: keyLimitsSchema.optional(),
    store: keyRecordSchema.shape.store.unwrap().optional(),
    raw_prompts: keyRecordSchema.shape.raw_prompts.unwrap().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'Set limits, store or raw_prompts');
