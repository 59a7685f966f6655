import { Stack } from 'aws-cdk-lib';
import { imageUri } from '../facts/image-registries.ts';
import { DEFAULT_VLLM_TAG } from '../facts/images.ts';
import { servedWeights } from '../serving/served-weights.ts';
import { errorAlarmName } from './component-names.ts';
import { rollingBatch } from './deployment.ts';
import type { HostedModel } from './hosted-model.ts';
import { componentSpecification, startupTimeouts } from './inference-component.ts';
import { type ContainerEnvironment, containerEnvironment } from './model-container.ts';
import { copyRangeOf, type HostedModelProps } from './model-props.ts';

/** What other weights of the same shape need to take the place of a hosted model: its container, its GPUs and its update. */
export interface Successor {
  readonly image: string;
  readonly environment: ContainerEnvironment;
  readonly networkIsolation: boolean;
  /** Specification of a component, in the case of SageMaker's API. */
  readonly specification: (modelName: string) => ApiObject;
  /** Alarm that rolls an update back. */
  readonly errorAlarmName: string;
  /** Copies that an update may replace at a time: fewest, and half of the fewest copies. `undefined` if one copy may run. */
  readonly batch: { readonly least: number; readonly most: number } | undefined;
}

/** Describes the successor of a model. Its weights come from S3, wherever the model's own come from. */
export function successorOf({ props }: HostedModel): Successor {
  const own: HostedModelProps = { ...props, source: { kind: 's3', uri: 's3://weights/' } };
  const served = servedWeights(own);
  const timeouts = startupTimeouts(own, served);
  const range = copyRangeOf(props);
  const least = rollingBatch(range);
  return {
    image: imageUri(props.image ?? DEFAULT_VLLM_TAG, Stack.of(props.endpoint).region),
    environment: containerEnvironment(own, served),
    networkIsolation: props.networkIsolation,
    specification: (modelName) => toApi(componentSpecification(own, timeouts, modelName)),
    errorAlarmName: errorAlarmName(props.endpointName, props.id),
    batch: least === undefined ? undefined : { least, most: Math.max(least, Math.floor(range.min / 2)) },
  };
}

export type ApiObject = { readonly [name: string]: ApiValue };
type ApiValue = string | number | boolean | ApiObject | readonly ApiValue[];

/** CloudFormation's properties in CDK are those of the API with a small first letter. */
function toApi(value: object): ApiObject {
  const convert = (part: unknown): ApiValue => {
    if (Array.isArray(part)) return part.map(convert);
    if (typeof part === 'object' && part !== null) return toApi(part);
    if (typeof part === 'string' || typeof part === 'number' || typeof part === 'boolean') return part;
    throw new Error(`${String(part)} is no value of an API.`);
  };
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([name, part]) => [`${name.charAt(0).toUpperCase()}${name.slice(1)}`, convert(part)]),
  );
}
