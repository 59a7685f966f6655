import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';

/** Instances that a SageMaker training plan has reserved. Serving stops when the plan ends. */
export interface CapacityReservation {
  /** ARN of the training plan. */
  readonly planArn: string;
  /** Instance type that the plan reserves. */
  readonly instanceType: string;
}

/** How idle instances are released. */
export interface ScaleIn {
  /**
   * `idle-release` stops instances that hold no copy. `consolidation` also moves copies together, which frees instances.
   */
  readonly strategy: 'idle-release' | 'consolidation';
  /**
   * Time between two rounds of consolidation, in minutes. 5 to 1,440.
   *
   * @default - SageMaker's default, 20
   */
  readonly cooldownMinutes?: number | undefined;
}

/** Converts the scale-in to CloudFormation's property. */
export function toScaleInPolicy({ strategy, cooldownMinutes }: ScaleIn): CfnEndpointConfig.ScaleInPolicyProperty {
  return {
    strategy: strategy === 'consolidation' ? 'CONSOLIDATION' : 'IDLE_RELEASE',
    ...(cooldownMinutes !== undefined && { cooldownInMinutes: cooldownMinutes }),
  };
}

/** Converts instance types to pools whose priority is their order. */
export function toInstancePools(instanceTypes: readonly string[]): CfnEndpointConfig.InstancePoolProperty[] {
  return instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 }));
}
