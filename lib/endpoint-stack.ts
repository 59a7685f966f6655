import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';
import { ReasoningEndpoint } from './reasoning-endpoint.ts';

export interface EndpointStackProps extends StackProps {
  readonly config: Config;
}

/** The slow half: GPUs and models. */
export class EndpointStack extends Stack {
  readonly endpoint: ReasoningEndpoint;

  constructor(scope: Construct, id: string, { config, ...props }: EndpointStackProps) {
    super(scope, id, props);
    this.endpoint = new ReasoningEndpoint(this, 'Endpoint', {
      ...config.endpoint,
      endpointName: config.name,
      models: config.models,
      logRetention: config.logRetentionDays satisfies RetentionDays,
    });
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
