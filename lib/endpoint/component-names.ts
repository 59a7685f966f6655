import { Arn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/**
 * Returns the name of the inference component of a model, at most 63 letters, digits and dashes:
 * `simplescaling/s1.1-32B` on endpoint `s1` becomes `s1-simplescaling-s1-1-32b`.
 */
export function componentNameOf(endpointName: string, modelId: string): string {
  const suffix = modelId.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const name = suffix === endpointName ? `${endpointName}-model` : `${endpointName}-${suffix}`;
  return name.slice(0, 63).replace(/-+$/, '');
}

/** Returns the ARN of an inference component in the scope's stack. */
export function componentArnOf(scope: Construct, componentName: string): string {
  return Arn.format(
    { service: 'sagemaker', resource: 'inference-component', resourceName: componentName },
    Stack.of(scope),
  );
}

/** Returns the name of the alarm on the share of a model's good answers. */
export function goodAnswersAlarmName(endpointName: string, modelId: string): string {
  return `${componentNameOf(endpointName, modelId)}-good-answers`;
}

/** Returns the name of a model's error alarm. The endpoint, which is created before its models, refers to it by name. */
export function errorAlarmName(endpointName: string, modelId: string): string {
  return `${componentNameOf(endpointName, modelId)}-errors`;
}
