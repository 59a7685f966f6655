import * as z from 'zod';
import { type AdmissionSettings, defaultAdmission } from '../policy/admission.ts';
import { defaultScaling, type ScalingSettings } from '../policy/desired-copies.ts';
import { defaultElastic, type ElasticSettings } from '../policy/elastic-grant.ts';
import { defaultScalingPolicy, type ScalingPolicyName, scalingPolicyNames } from '../policy/scaling-policies.ts';

const copies = z.int().min(0).max(1_000);

/** Settings of the policies that a deployment or an operator may change. If omitted, the defaults of lambda/policy hold. */
export const policySchema = z.strictObject({
  /** Share of the copies' measured speed that demand may use. Above 0, at most 1. */
  target_utilization: z.number().gt(0).max(1).optional(),
  /** Pressure of admitted requests on the copies above which more copies are requested. */
  most_pressure: z.number().gt(0).max(10).optional(),
  /** Time over which demand is smoothed, in seconds. */
  smoothing_seconds: z.number().gt(0).max(86_400).optional(),
  /** How long fewer copies must suffice before one is removed, in seconds. */
  scale_in_after_seconds: z.number().min(0).max(86_400).optional(),
  /** Pressure up to which elastic requests get their full maximum. */
  shrink_from: z.number().min(0).max(10).optional(),
  /** Pressure from which elastic requests get their floor. */
  shrink_to: z.number().gt(0).max(10).optional(),
  /** Longest expected wait with which a request is admitted, in seconds. */
  max_queue_seconds: z.number().min(0).max(3_600).optional(),
  /** Policy that decides on the number of copies. */
  scaling_policy: z.enum(scalingPolicyNames).optional(),
});
export type PolicyChoices = z.infer<typeof policySchema>;

/** Scaling of a model's copies, and their capacity. */
export const scalingSettingsSchema = z.strictObject({
  minCopies: copies,
  maxCopies: copies.min(1),
  /** Copies per instance. An instance is filled before another is started. */
  copiesPerInstance: z.int().min(1),
  /** Capacity of one copy's KV cache, in tokens of all requests. */
  cacheTokens: z.int().min(1),
  /** Concurrent requests of one copy. */
  maxRequests: z.int().min(1),
  /** Time per decode step with one request, in seconds. Used until it is measured. */
  stepSeconds: z.number().gt(0),
  /** Concurrent requests at which a copy is full. */
  fullRequests: z.number().gt(0),
  /** Time per decode step of a full copy, in seconds. Used until it is measured. */
  fullStepSeconds: z.number().gt(0),
  /** Start time of a copy, in seconds. Used until it is measured. */
  startSeconds: z.number().min(0),
  /** Whether thinking may shrink under load: if the request or its key asks for it, unless one of them refuses, or never. */
  elastic: z.enum(['asked', 'always', 'never']),
  policy: policySchema.optional(),
});
export type ModelScalingSettings = z.infer<typeof scalingSettingsSchema>;

/** Floor of an elastic request that sets none, as a share of its maximum. */
export const DEFAULT_FLOOR_PART = 0.125;

/** Delay after a failed wake before the next one, in seconds. */
export const RETRY_WAKE_SECONDS = 60;

/** The settings of all policies. */
export interface PolicyInForce {
  readonly scalingPolicy: ScalingPolicyName;
  readonly scaling: ScalingSettings;
  readonly elastic: ElasticSettings;
  readonly admission: AdmissionSettings;
}

/** Merges the choices of the operator, those of the deployment, and the defaults of lambda/policy, in this order of precedence. */
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
    scalingPolicy: chosen.scaling_policy ?? defaultScalingPolicy,
    scaling: {
      minCopies: operator.minCopies ?? settings.minCopies,
      maxCopies: operator.maxCopies ?? settings.maxCopies,
      copiesPerInstance: settings.copiesPerInstance,
      targetUtilization: chosen.target_utilization ?? defaultScaling.targetUtilization,
      // Copies are requested before requests are refused.
      maxPressure: Math.min(fullAt, chosen.most_pressure ?? defaultScaling.maxPressure),
      maxMeanPressure: defaultScaling.maxMeanPressure,
      smoothingSeconds: chosen.smoothing_seconds ?? defaultScaling.smoothingSeconds,
      scaleInAfterSeconds: chosen.scale_in_after_seconds ?? defaultScaling.scaleInAfterSeconds,
    },
    elastic: {
      shrinkFrom,
      shrinkTo,
      // Running generations are cut as far above the bounds of admission as by default.
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
