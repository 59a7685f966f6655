import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { toInstancePools, toScaleInPolicy } from './capacity.ts';
import type { ReasoningEndpointProps, ResolvedEndpoint } from './endpoint-props.ts';
import { toRoutingConfig } from './routing.ts';

/** Name of the only variant. It must not change: SageMaker refuses an update with another name. */
export const VARIANT_NAME = 'main';

/** Builds the variant: the instances of the endpoint, and how requests reach them. */
export function toProductionVariant(
  props: ReasoningEndpointProps,
  { fallbackInstanceTypes, instanceTypes, instances, ami, routing }: ResolvedEndpoint,
): CfnEndpointConfig.ProductionVariantProperty {
  return {
    variantName: VARIANT_NAME,
    ...(fallbackInstanceTypes.length === 0
      ? { instanceType: props.instanceType }
      : { instancePools: toInstancePools(instanceTypes) }),
    initialInstanceCount: instances.initial,
    inferenceAmiVersion: ami,
    managedInstanceScaling: {
      status: 'ENABLED',
      minInstanceCount: instances.min,
      maxInstanceCount: instances.max,
      ...(props.scaleIn !== undefined && { scaleInPolicy: toScaleInPolicy(props.scaleIn) }),
    },
    ...(props.provisionSeconds !== undefined && {
      variantInstanceProvisionTimeoutInSeconds: props.provisionSeconds,
    }),
    ...(props.capacityReservation !== undefined && {
      capacityReservationConfig: {
        capacityReservationPreference: 'capacity-reservations-only',
        mlReservationArn: props.capacityReservation.planArn,
      },
    }),
    routingConfig: toRoutingConfig(routing),
    ...props.variantOverrides,
  };
}
