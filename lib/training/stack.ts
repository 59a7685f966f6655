import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { HostedConfig } from '../config.ts';
import { existingNetworkOf, type Network } from '../endpoint/network.ts';
import type { ReasoningEndpoint } from '../endpoint/reasoning-endpoint.ts';
import { FineTuning } from './fine-tuning.ts';
import type { TrainingConfig } from './training-schema.ts';

export interface TrainingStackProps extends StackProps {
  readonly config: HostedConfig;
  readonly training: TrainingConfig;
  /** Endpoint that serves the trained model. */
  readonly endpoint: ReasoningEndpoint;
  /**
   * Network of the endpoint, of a stack of its own.
   *
   * @default - the existing network of the config; without one, SageMaker's network
   */
  readonly network?: Network | undefined;
}

/** Stack that fine-tunes a hosted model. It is deployed after the endpoint's, and can be deleted without it. */
export class TrainingStack extends Stack {
  readonly fineTuning: FineTuning;

  constructor(scope: Construct, id: string, { config, training, endpoint, network, ...props }: TrainingStackProps) {
    super(scope, id, props);
    const { network: place, ...options } = training;
    const trained = config.models.find((model) => training.model === undefined || model.id === training.model);
    this.fineTuning = new FineTuning(this, 'FineTuning', {
      ...options,
      endpoint,
      name: config.name,
      format: trained?.format ?? 's1',
      network: place === 'endpoint' ? (network ?? existingNetworkOf(this, config.endpoint.network)) : undefined,
      topicArn: config.watching.alarmTopicArn,
      logRetention: config.logRetentionDays satisfies RetentionDays,
    });
    new CfnOutput(this, 'StateMachineArn', {
      description: 'The state machine of a run: npx budgetforce train start',
      value: this.fineTuning.stateMachine.stateMachineArn,
    });
    new CfnOutput(this, 'TrainingBucketName', {
      description: 'The bucket of runs: data, weights, reports',
      value: this.fineTuning.bucket.bucketName,
    });
  }
}
