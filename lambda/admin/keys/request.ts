import * as z from 'zod';
import { keyLimitsSchema } from '../../keys/key-record.ts';

export const newKeySchema = z.strictObject({
  /** What it is for. */
  name: z.string().min(1).max(128),
  limits: keyLimitsSchema.default({}),
  /** Days until it expires. */
  expires_in_days: z.number().gt(0).max(3_650).optional(),
});

export const rotateSchema = z.strictObject({
  /** How long the old value still holds. Seconds. */
  grace_seconds: z.int().min(0).max(2_592_000).default(0),
});

export const setLimitsSchema = z.strictObject({ limits: keyLimitsSchema });
