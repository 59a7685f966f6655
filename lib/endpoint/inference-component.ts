import { CfnInferenceComponent, type CfnInferenceComponentProps, type CfnModel } from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { findInstanceType } from '../facts/instance-types.ts';
import { storedWeightBytes } from '../serving/gpu-memory.ts';
import type { ServedWeights } from '../serving/served-weights.ts';
import { fittingTimeouts, type StartupTimeouts } from '../serving/startup-timeouts.ts';
import { rollingBatch, toComponentDeployment } from './deployment.ts';
import { copiesOf, copyRangeOf, type HostedModelProps, type ModelProps } from './model-props.ts';

export interface ComponentProps {
  readonly componentName: string;
  readonly model: CfnModel;
  readonly timeouts: StartupTimeouts;
  /** Alarms that roll back a deployment of the component. */
  readonly rollbackAlarmNames: readonly string[];
}

/** Creates the inference component of a model: what one copy reserves, and how many copies start. */
export function createComponent(
  scope: Construct,
  id: string,
  props: HostedModelProps,
  { componentName, model, timeouts, rollbackAlarmNames }: ComponentProps,
): CfnInferenceComponent {
  const batch = rollingBatch(copyRangeOf(props));
  return new CfnInferenceComponent(scope, id, {
    inferenceComponentName: componentName,
    endpointName: props.endpoint.attrEndpointName,
    variantName: props.variantName,
    ...componentSpecification(props, timeouts, model.attrModelName),
    runtimeConfig: { copyCount: copiesOf(props).initial },
    ...(batch !== undefined && { deploymentConfig: toComponentDeployment(rollbackAlarmNames, batch) }),
  });
}

/** What a copy of the model reserves. With several instance types, each has a specification of its own, because their hosts differ in memory. */
export function componentSpecification(
  props: HostedModelProps,
  timeouts: StartupTimeouts,
  modelName: string,
): Pick<CfnInferenceComponentProps, 'specification' | 'specifications'> {
  const tensorParallel = props.vllm?.tensorParallel ?? 1;
  const specification = (instanceType: string) => ({
    modelName,
    computeResourceRequirements: {
      numberOfAcceleratorDevicesRequired: tensorParallel,
      minMemoryRequiredInMb: props.memoryMib ?? defaultMemoryMib(instanceType, tensorParallel),
    },
    startupParameters: {
      containerStartupHealthCheckTimeoutInSeconds: timeouts.startupSeconds,
      modelDataDownloadTimeoutInSeconds: timeouts.downloadSeconds,
    },
    dataCacheConfig: { enableCaching: props.dataCache ?? true },
  });
  const [instanceType, ...fallbacks] = props.instanceTypes;
  return fallbacks.length === 0
    ? { specification: specification(instanceType) }
    : { specifications: props.instanceTypes.map((type) => ({ instanceType: type, ...specification(type) })) };
}

/** Returns the timeouts of a copy's start: as set, or fitting for the size of the weights. */
export function startupTimeouts(props: ModelProps, { shape, settings }: ServedWeights): StartupTimeouts {
  const fitting = fittingTimeouts(shape && storedWeightBytes(shape, settings), props.source);
  return {
    downloadSeconds: props.downloadSeconds ?? fitting.downloadSeconds,
    startupSeconds: props.startupSeconds ?? fitting.startupSeconds,
  };
}

/** Half of the host memory that falls to the GPUs of one copy. */
function defaultMemoryMib(instanceType: string, tensorParallel: number): number {
  const type = findInstanceType(instanceType);
  if (type === undefined) return 1_024;
  return Math.floor((type.memoryGib * 1_024 * tensorParallel) / type.gpus / 2);
}
