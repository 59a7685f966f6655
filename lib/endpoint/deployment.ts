import type { CfnEndpoint, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * How an endpoint goes over to a new config (instance type, AMI, routing). Each way goes back by itself when an alarm
 * rings while it bakes.
 *
 * - `all-at-once`: a whole new fleet beside the old one, then all requests.
 * - `canary`: a part of the requests first, then the rest.
 * - `linear`: part by part.
 * - `rolling`: part by part, where the old part is stopped as the new one serves: it needs the fewest extra instances.
 */
export type Deployment =
  | { readonly strategy: 'all-at-once'; readonly bakeSeconds?: number | undefined }
  | {
      readonly strategy: 'canary' | 'linear' | 'rolling';
      /** Of the endpoint's instances. Canary 1 to 50, linear 10 to 50, rolling 5 to 50. */
      readonly percent: number;
      /**
       * How long each part is watched. Seconds, 0 to 3,600.
       *
       * @default 300
       */
      readonly bakeSeconds?: number | undefined;
    };

/** How long a part is watched where nothing is written. */
const DEFAULT_BAKE_SECONDS = 300;

/** The deployment as CloudFormation takes it. */
export function toDeploymentConfig(
  deployment: Deployment,
  alarmNames: readonly string[],
): CfnEndpoint.DeploymentConfigProperty {
  const bakeSeconds = deployment.bakeSeconds ?? DEFAULT_BAKE_SECONDS;
  const autoRollbackConfiguration = { alarms: alarmNames.map((alarmName) => ({ alarmName })) };
  const size = (value: number) => ({ type: 'CAPACITY_PERCENT', value });
  const blueGreen = (trafficRoutingConfiguration: CfnEndpoint.TrafficRoutingConfigProperty) => ({
    autoRollbackConfiguration,
    // The old fleet stays as long as a late alarm may want it back.
    blueGreenUpdatePolicy: { trafficRoutingConfiguration, terminationWaitInSeconds: bakeSeconds },
  });
  switch (deployment.strategy) {
    case 'all-at-once':
      return blueGreen({ type: 'ALL_AT_ONCE', waitIntervalInSeconds: bakeSeconds });
    case 'canary':
      return blueGreen({ type: 'CANARY', canarySize: size(deployment.percent), waitIntervalInSeconds: bakeSeconds });
    case 'linear':
      return blueGreen({
        type: 'LINEAR',
        linearStepSize: size(deployment.percent),
        waitIntervalInSeconds: bakeSeconds,
      });
    case 'rolling':
      return {
        autoRollbackConfiguration,
        rollingUpdatePolicy: { maximumBatchSize: size(deployment.percent), waitIntervalInSeconds: bakeSeconds },
      };
  }
}

/** A component goes over to a new model or server copy by copy, and back by itself when an alarm rings. */
export function toComponentDeployment(
  alarmNames: readonly string[],
): CfnInferenceComponent.InferenceComponentDeploymentConfigProperty {
  return {
    autoRollbackConfiguration: { alarms: alarmNames.map((alarmName) => ({ alarmName })) },
    rollingUpdatePolicy: {
      maximumBatchSize: { type: 'COPY_COUNT', value: 1 },
      rollbackMaximumBatchSize: { type: 'COPY_COUNT', value: 1 },
      waitIntervalInSeconds: DEFAULT_BAKE_SECONDS,
    },
  };
}

/** Refuses sizes and times that SageMaker does not take, and rolling with several variants. */
export function checkDeployment(deployment: Deployment, variants: number): readonly (Refusal | undefined)[] {
  const bake = outside(
    'bake-time',
    'deployment.bakeSeconds',
    deployment.bakeSeconds ?? DEFAULT_BAKE_SECONDS,
    limits.bakeSeconds,
  );
  if (deployment.strategy === 'all-at-once') return [bake];
  const range = {
    canary: limits.canaryPercent,
    linear: limits.linearPercent,
    rolling: limits.rollingPercent,
  }[deployment.strategy];
  return [
    bake,
    outside('deployment-size', 'deployment.percent', deployment.percent, range),
    deployment.strategy === 'rolling' && variants > 1
      ? {
          code: 'rolling-variants',
          sentence: `deployment.strategy is "rolling", but the endpoint has ${variants} variants, and SageMaker rolls endpoints of one variant only: write strategy "canary" or "linear", or one variant.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-exclusions.html',
        }
      : undefined,
  ];
}
