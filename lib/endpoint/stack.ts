import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { HostedConfig } from '../config.ts';
import { existingNetworkOf, type Network } from './network.ts';
import { ReasoningEndpoint } from './reasoning-endpoint.ts';
import { StuckWatch } from './stuck-watch.ts';

export interface EndpointStackProps extends StackProps {
  readonly config: HostedConfig;
  /**
   * Network of the containers, of a stack of its own.
   *
   * @default - the existing network of the config; without one, SageMaker's network
   */
  readonly network?: Network | undefined;
}

/** Stack of the GPU endpoint and its models, which takes long to deploy. */
export class EndpointStack extends Stack {
  readonly endpoint: ReasoningEndpoint;

  constructor(scope: Construct, id: string, { config, network, ...props }: EndpointStackProps) {
    super(scope, id, props);
    this.endpoint = new ReasoningEndpoint(this, 'Endpoint', {
      ...config.endpoint,
      network: network ?? existingNetworkOf(this, config.endpoint.network),
      endpointName: config.name,
      models: config.models,
      goodAnswers: config.watching.goodAnswers,
      logRetention: config.logRetentionDays satisfies RetentionDays,
    });
    const { alarms, alarmTopicArn, runbookUrl, stuckMinutes } = config.watching;
    if (alarms && stuckMinutes !== false) {
      new StuckWatch(this, 'StuckWatch', {
        endpoint: this.endpoint,
        minutes: stuckMinutes,
        alarmTopicArn,
        runbookUrl,
        logRetention: config.logRetentionDays satisfies RetentionDays,
      });
    }
    new CfnOutput(this, 'EndpointName', {
      description: 'The SageMaker endpoint',
      value: this.endpoint.endpointName,
    });
    new CfnOutput(this, 'InferenceComponents', {
      description: 'Its components, one a model',
      value: this.endpoint.models.map(({ componentName }) => componentName).join(' '),
    });
  }
}
