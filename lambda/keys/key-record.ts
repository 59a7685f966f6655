import * as z from 'zod';
import { contradictingGates, gateFieldNames, gateOptionsOf } from '../forcing/settle-gates.ts';
import { gateDefaultsSchema } from '../settings/calibration.ts';

const gates = gateDefaultsSchema.shape;

/** Limits of a key. An omitted limit is not enforced. */
export const keyLimitsSchema = z.strictObject({
  requests_per_minute: z.int().min(1).optional(),
  /** Prompt, thinking and answer together, per UTC day. */
  tokens_per_day: z.int().min(1).optional(),
  concurrent_requests: z.int().min(1).max(1_000).optional(),
  /** Maximum thinking of one request, in tokens. */
  max_thinking_tokens: z.int().min(0).optional(),
  models: z.array(z.string().min(1).max(128)).min(1).max(64).optional(),
  thinking: z
    .strictObject({
      waits: gates.waits,
      wait_when: gates.waitWhen,
      unsure_below: gates.unsureBelow,
      confidence_measure: gates.confidenceMeasure,
      stop_when: gates.stopWhen,
      sure_above: gates.sureAbove,
      sure_probes: gates.sureProbes,
    })
    .superRefine((fields, context) => {
      const pair = contradictingGates(gateOptionsOf(fields));
      if (pair === undefined) return;
      const [field, , other, opposite, required] = pair;
      context.addIssue({
        code: 'custom',
        message: `has ${gateFieldNames[field]}, which requires ${gateFieldNames[other]} "${required}", but ${gateFieldNames[other]} is "${opposite}". Omit one of them`,
      });
    })
    .optional()
    .describe('Rules by confidence if a request sets none. If omitted, the model’s config applies.'),
  elastic: z
    .boolean()
    .optional()
    .describe(
      'Whether thinking may shrink under load if a request omits `thinking.elastic`. If omitted, the model’s config applies.',
    ),
});
export type KeyLimits = z.infer<typeof keyLimitsSchema>;

/** A stored key. The key itself is not stored, only its SHA-256. */
export const keyRecordSchema = z.object({
  /** `key_…`: identifies the key in lists, usage records and the log. */
  id: z.string(),
  name: z.string(),
  /** Last characters of the key, by which its owner recognizes it. */
  ends_in: z.string(),
  /** Unix time in seconds. */
  created: z.int(),
  /** Time from which the key is invalid, as Unix time in seconds. */
  expires: z.int().optional(),
  revoked: z.boolean().optional(),
  /** The key was rotated: this value stays valid until it expires. */
  replaced: z.boolean().optional(),
  limits: keyLimitsSchema,
  store: z
    .boolean()
    .default(false)
    .describe('Whether content of requests with this key may be stored, for as long as the config’s `retention` says.'),
  raw_prompts: z
    .boolean()
    .default(false)
    .describe('Whether the key may use `/v1/completions`, if the config’s `api.rawPrompts` allows it.'),
});
export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** The authenticated sender of a request. */
export interface Caller {
  /** Id of the key; `admin` for an admin key; `anonymous` if authentication is off. */
  readonly id: string;
  readonly admin: boolean;
  readonly limits: KeyLimits;
  /** Whether the key may send raw prompts. Admin keys may. @default false */
  readonly rawPrompts?: boolean;
  /** Whether content of the key's requests may be stored. @default false */
  readonly store?: boolean;
}
