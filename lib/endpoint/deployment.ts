import type { CfnEndpoint, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { limits } from '../facts/aws-limits.ts';

/**
 * How an endpoint changes to a new config (instance type, AMI, routing). Each strategy rolls back if an error alarm goes
 * off while it bakes.
 *
 * - `all-at-once`: starts a whole new fleet beside the old one, then moves all requests.
 * - `canary`: moves a part of the requests first, then the rest.
 * - `linear`: moves the requests in equal parts.
 * - `rolling`: replaces the instances in batches. Needs the fewest extra instances.
 */
export type Deployment =
  | { readonly strategy: 'all-at-once'; readonly bakeSeconds?: number | undefined }
  | {
      readonly strategy: 'canary' | 'linear' | 'rolling';
      /** Part of the endpoint's instances, in percent. Canary 1 to 50, linear 10 to 50, rolling 5 to 50. */
      readonly percent: number;
      /**
       * Bake time after each part, in seconds. 0 to 3,600.
       *
       * @default 300
       */
      readonly bakeSeconds?: number | undefined;
    };

/** Bake time if none is set, in seconds. */
const DEFAULT_BAKE_SECONDS = 300;

/** Converts the deployment to CloudFormation's property. */
export function toDeploymentConfig(
  deployment: Deployment,
  alarmNames: readonly string[],
): CfnEndpoint.DeploymentConfigProperty {
  const bakeSeconds = deployment.bakeSeconds ?? DEFAULT_BAKE_SECONDS;
  const autoRollbackConfiguration = { alarms: alarmNames.map((alarmName) => ({ alarmName })) };
  const size = (value: number) => ({ type: 'CAPACITY_PERCENT', value });
  const blueGreen = (trafficRoutingConfiguration: CfnEndpoint.TrafficRoutingConfigProperty) => ({
    autoRollbackConfiguration,
    // The old fleet stays for the bake time, so that a late alarm can still roll back to it.
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

/** Limits of a batch of a component's copies, in percent of the copies at that moment. */
const BATCH_PERCENT = { min: limits.rollingPercent.min, max: limits.rollingPercent.max };

/**
 * Returns the smallest number of copies that a rolling update may replace at a time, whatever the number of copies is when the
 * update starts: 5 to 50 % of it.
 *
 * @param range fewest and most copies that may run
 * @returns `undefined` if no number fits the whole range, for instance if one copy may run: no batch is 50 % of it
 * @see https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentRollingUpdatePolicy.html
 */
export function rollingBatch({ min, max }: { readonly min: number; readonly max: number }): number | undefined {
  const batch = Math.max(1, Math.ceil((max * BATCH_PERCENT.min) / 100));
  return batch <= (min * BATCH_PERCENT.max) / 100 ? batch : undefined;
}

/**
 * Deployment of a component: replaces its copies in batches, and rolls back if an alarm goes off.
 *
 * @param batch copies that are replaced at a time, from `rollingBatch`
 */
export function toComponentDeployment(
  alarmNames: readonly string[],
  batch: number,
): CfnInferenceComponent.InferenceComponentDeploymentConfigProperty {
  const size = { type: 'COPY_COUNT', value: batch };
  return {
    autoRollbackConfiguration: { alarms: alarmNames.map((alarmName) => ({ alarmName })) },
    rollingUpdatePolicy: {
      maximumBatchSize: size,
      rollbackMaximumBatchSize: size,
      waitIntervalInSeconds: DEFAULT_BAKE_SECONDS,
    },
  };
}
