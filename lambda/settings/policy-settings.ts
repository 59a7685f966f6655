import * as z from 'zod';
import { type AdmissionSettings, defaultAdmission } from '../policy/admission.ts';
import { defaultElastic, type ElasticSettings } from '../policy/elastic-grant.ts';
import { defaultScaling, type ScalingSettings } from '../policy/desired-copies.ts';

const copies = z.int().min(0).max(1_000);

/** What may be set of the policies. What is left out is as lambda/policy has it. */
export const policySchema = z.strictObject({
  /** The part of the copies' measured speed that the demand may take. Above 0, at most 1. */
  target_utilization: z.number().gt(0).max(1).optional(),
  /** The most that admitted requests may fill the copies before more are wanted. */
  most_pressure: z.number().gt(0).max(10).optional(),
  /** Over which time demand is smoothed. Seconds. */
  smoothing_seconds: z.number().gt(0).max(86_400).optional(),
  /** How long fewer copies have to be enough before any goes. Seconds. */
  scale_in_after_seconds: z.number().min(0).max(86_400).optional(),
  /** Pressure up to which elastic requests get what they ask for, and from which they get their floor. */
  shrink_from: z.number().min(0).max(10).optional(),
  shrink_to: z.number().gt(0).max(10).optional(),
  /** The longest expected wait that a request is let in with. Seconds. */
  max_queue_seconds: z.number().min(0).max(3_600).optional(),
});
export type PolicyChoices = z.infer<typeof policySchema>;

/** How a model's copies scale, and what they can do. */
export const scalingSettingsSchema = z.strictObject({
  minCopies: copies,
  maxCopies: copies.min(1),
  /** Copies that share an instance: it is filled before another is started. */
  copiesPerInstance: z.int().min(1),
  /** Tokens of all requests that one copy's KV cache holds. */
  cacheTokens: z.int().min(1),
  /** Requests that one copy decodes at once. */
  maxRequests: z.int().min(1),
  /** A copy's step with one request and with a full copy, until it is measured. Seconds. */
  stepSeconds: z.number().gt(0),
  fullRequests: z.number().gt(0),
  fullStepSeconds: z.number().gt(0),
  /** How long a copy takes to start, until it is measured. Seconds. */
  startSeconds: z.number().min(0),
  /** Whose thinking may shrink: who asks for it (the request or its key), everybody who does not refuse, or nobody. */
  elastic: z.enum(['asked', 'always', 'never']),
  policy: policySchema.optional(),
});
export type ModelScalingSettings = z.infer<typeof scalingSettingsSchema>;

/** The floor of an elastic request that names none, as part of its maximum. */
export const DEFAULT_FLOOR_PART = 0.125;

/** After a wake that failed, the next is tried so much later. Seconds. */
export const RETRY_WAKE_SECONDS = 60;

/** The settings of all policies, from the defaults of lambda/policy, the deployment's and the operator's choices, the last first. */
export interface PolicyInForce {
  readonly scaling: ScalingSettings;
  readonly elastic: ElasticSettings;
  readonly admission: AdmissionSettings;
}

export function policyInForce(
  settings: Pick<ModelScalingSettings, 'minCopies' | 'maxCopies' | 'copiesPerInstance' | 'policy'>,
  operator: {
    readonly minCopies?: number | undefined;
    readonly maxCopies?: number | undefined;
    readonly policy?: PolicyChoices | undefined;
  } = {},
): PolicyInForce {
  const chosen = { ...settings.policy, ...operator.policy };
  const shrinkFrom = chosen.shrink_from ?? defaultElastic.shrinkFrom;
  const shrinkTo = Math.max(chosen.shrink_to ?? defaultElastic.shrinkTo, shrinkFrom + 0.01);
  const { cut } = defaultElastic;
  const fullAt = Math.max(defaultAdmission.fullAt, shrinkTo);
  return {
    scaling: {
      minCopies: operator.minCopies ?? settings.minCopies,
      maxCopies: operator.maxCopies ?? settings.maxCopies,
      copiesPerInstance: settings.copiesPerInstance,
      targetUtilization: chosen.target_utilization ?? defaultScaling.targetUtilization,
      // Copies are asked for before requests are turned away.
      maxPressure: Math.min(fullAt, chosen.most_pressure ?? defaultScaling.maxPressure),
      smoothingSeconds: chosen.smoothing_seconds ?? defaultScaling.smoothingSeconds,
      scaleInAfterSeconds: chosen.scale_in_after_seconds ?? defaultScaling.scaleInAfterSeconds,
    },
    elastic: {
      shrinkFrom,
      shrinkTo,
      // Thoughts under way are cut as much later as by default.
      ...(cut === undefined
        ? {}
        : {
            cut: {
              shrinkFrom: shrinkFrom + cut.shrinkFrom - defaultElastic.shrinkFrom,
              shrinkTo: shrinkTo + cut.shrinkTo - defaultElastic.shrinkTo,
            },
          }),
    },
    admission: {
      fullAt,
      maxQueueSeconds: chosen.max_queue_seconds ?? defaultAdmission.maxQueueSeconds,
    },
  };
}
