import { Arn, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ApiModel } from './api-settings.ts';
import { type ExternalUpstream, isExternal, type RemoteEndpoint } from './external-model.ts';
import { type InlineFallback, inlineFallbacks } from './fallback.ts';

/** An upstream that this app does not deploy: of a model, or of a fallback. */
export type OtherUpstream = ExternalUpstream | InlineFallback['upstream'];

export const INVOKE_ACTIONS = ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'] as const;

/** Returns the upstreams of all models and fallbacks that are not on the endpoint of this app. */
export function upstreamsOf(models: readonly ApiModel[]): readonly OtherUpstream[] {
  return models.flatMap(({ model, fallbacks }) => [
    ...(isExternal(model) ? [model.upstream] : []),
    ...inlineFallbacks(fallbacks).map(({ upstream }) => upstream),
  ]);
}

/** Returns the ARNs of an endpoint of the account and of its component, in its own region. */
export function endpointArns(
  scope: Construct,
  { region, endpointName, inferenceComponentName }: RemoteEndpoint,
): readonly string[] {
  const arn = (resource: string, resourceName: string) =>
    Arn.format({ service: 'sagemaker', region, resource, resourceName }, Stack.of(scope));
  return [
    arn('endpoint', endpointName),
    ...(inferenceComponentName === undefined ? [] : [arn('inference-component', inferenceComponentName)]),
  ];
}
