import type { ApiObject, Successor } from '../endpoint/successor.ts';

/**
 * Deployment of an update of the component: batches of copies, with a wait after each in which the error alarm rolls all of them back.
 *
 * A component has no canary of its own; `canary` is the smallest batch that SageMaker accepts.
 *
 * @returns `undefined` if one copy may run, of which SageMaker accepts no batch
 * @see https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_InferenceComponentDeploymentConfig.html
 */
export function updateDeployment(
  { batch, errorAlarmName }: Pick<Successor, 'batch' | 'errorAlarmName'>,
  rollout: 'rolling' | 'canary',
  bakeSeconds: number,
): ApiObject | undefined {
  if (batch === undefined) return undefined;
  const size = { Type: 'COPY_COUNT', Value: rollout === 'canary' ? batch.least : batch.most };
  return {
    RollingUpdatePolicy: {
      MaximumBatchSize: size,
      WaitIntervalInSeconds: bakeSeconds,
      RollbackMaximumBatchSize: { Type: 'COPY_COUNT', Value: batch.most },
    },
    AutoRollbackConfiguration: { Alarms: [{ AlarmName: errorAlarmName }] },
  };
}
