import * as z from 'zod';

/** What a key may do. Absent: no limit of that kind. */
export const keyLimitsSchema = z.strictObject({
  requests_per_minute: z.int().min(1).optional(),
  /** Prompt, thinking and answer together, a day of UTC. */
  tokens_per_day: z.int().min(1).optional(),
  concurrent_requests: z.int().min(1).max(1_000).optional(),
  /** The most thinking that one request may ask for. Tokens. */
  max_thinking_tokens: z.int().min(0).optional(),
  models: z.array(z.string().min(1).max(128)).min(1).max(64).optional(),
  elastic: z
    .boolean()
    .optional()
    .describe(
      'Whether thinking may shrink under load where a request says nothing of `thinking.elastic`. Absent: as the model’s config says.',
    ),
});
export type KeyLimits = z.infer<typeof keyLimitsSchema>;

/** A key as it is stored. The key itself is not: only its SHA-256. */
export const keyRecordSchema = z.object({
  /** `key_…`: names the key in lists, usage and the log. */
  id: z.string(),
  name: z.string(),
  /** The key's last characters, so that its owner knows it again. */
  ends_in: z.string(),
  /** Unix time. Seconds. */
  created: z.int(),
  /** Unix time from which it is not valid any more. Seconds. */
  expires: z.int().optional(),
  revoked: z.boolean().optional(),
  /** A newer value of the same key was made; this one goes on until it expires. */
  replaced: z.boolean().optional(),
  limits: keyLimitsSchema,
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** Who sends a request. */
export interface Caller {
  /** A key's id; `admin` for a key of the deployment's secret; `anonymous` where no key is asked for. */
  readonly id: string;
  readonly admin: boolean;
  readonly limits: KeyLimits;
}
