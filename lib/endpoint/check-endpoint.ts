import { Token } from 'aws-cdk-lib';
import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { checkAmi } from '../checks/check-ami.ts';
import { checkCapacity } from '../checks/check-capacity.ts';
import { checkComponentNames } from '../checks/check-component-names.ts';
import { checkDeployment } from '../checks/check-deployment.ts';
import { checkImageRegistry, checkImageServer } from '../checks/check-image.ts';
import { checkInstanceType, checkVolumeKey } from '../checks/check-instance-type.ts';
import { checkInstances, checkManagedScaling } from '../checks/check-instances.ts';
import { checkNetworkIsolation } from '../checks/check-model-source.ts';
import { checkNetwork } from '../checks/check-network.ts';
import { checkComponentRegion, checkInstanceRegion, checkRegion } from '../checks/check-region.ts';
import { checkRouting } from '../checks/check-routing.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';
import { componentNameOf } from './component-names.ts';
import type { ReasoningEndpointProps, ResolvedEndpoint } from './endpoint-props.ts';
import { placementOf } from './model-props.ts';
import { type Network, zoneOf } from './network.ts';
import { prefixBytesFor } from './routing.ts';

/** Runs all checks of an endpoint. Each model has checks of its own, see `checkModel`. */
export function checkEndpoint(
  { region, endpointName }: { readonly region: string; readonly endpointName: string },
  props: ReasoningEndpointProps,
  resolved: ResolvedEndpoint,
  variant: CfnEndpointConfig.ProductionVariantProperty,
): readonly (Refusal | undefined)[] {
  const { models } = props;
  const { images, deployment, routing } = resolved;
  const hubModels = models.filter(({ source }) => source.kind === 'hub').map(({ id }) => id);
  const components = models
    .flatMap((model) => [model, ...(model.adapters ?? [])])
    .map(({ id }) => ({ id, componentName: componentNameOf(endpointName, id) }));
  return [
    checkRegion(region),
    checkComponentRegion(region),
    ...checkInstanceTypes(region, props, resolved),
    ...images.map(checkImageServer),
    ...images.map((image) => (Token.isUnresolved(region) ? undefined : checkImageRegistry(image, region))),
    ...checkCapacity({
      region,
      instanceType: props.instanceType,
      fallbackInstanceTypes: resolved.fallbackInstanceTypes,
      provisionSeconds: props.provisionSeconds,
      reservation: props.capacityReservation,
      scaleIn: props.scaleIn,
    }),
    ...checkDeployment(deployment, 1 + (props.furtherVariants ?? []).length),
    ...checkNetwork(props.network && checkedNetwork(props.network), hubModels),
    ...checkRouting(routing, resolved.fallbackInstanceTypes, prefixBytesFor),
    ...models.map(({ id, source }) => checkNetworkIsolation(id, source, props.networkIsolation)),
    checkManagedScaling(variant),
    checkComponentNames(components),
  ];
}

function checkedNetwork({ subnets, securityGroups, isolated }: Network) {
  return {
    subnets: subnets.map((subnet) => ({ subnetId: subnet.subnetId, zone: zoneOf(subnet) })),
    securityGroups,
    isolated,
  };
}

function checkInstanceTypes(
  region: string,
  { models, kmsKeyArn }: ReasoningEndpointProps,
  { instanceTypes, images, ami, instances }: ResolvedEndpoint,
): readonly (Refusal | undefined)[] {
  const placements = models.map(placementOf);
  return instanceTypes.flatMap((name) => [
    checkInstanceType(name),
    checkInstanceRegion(name, region),
    checkVolumeKey(name, kmsKeyArn),
    ...images.map((image) => checkAmi(ami, image, { name, type: findInstanceType(name) })),
    ...checkInstances(name, instances, placements),
  ]);
}
