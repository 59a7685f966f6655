import { type ScalingPolicy, scalingDecision } from './scaling-decision.ts';

/** Names of the scaling policies. A name is valid in the config, for operators, and in `budgetforce simulate`. */
export const scalingPolicyNames = ['demand'] as const;
export type ScalingPolicyName = (typeof scalingPolicyNames)[number];

export const defaultScalingPolicy: ScalingPolicyName = 'demand';

/** All scaling policies, by name. The controller runs one of them, live and in the simulator. */
export const scalingPolicies: Readonly<Record<ScalingPolicyName, ScalingPolicy>> = {
  /** Copies for the offered load, and for the cache that admitted requests will fill. */
  demand: scalingDecision,
};
