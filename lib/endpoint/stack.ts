import { CfnOutput, Fn, Stack, type StackProps } from 'aws-cdk-lib';
import { SecurityGroup, Subnet } from 'aws-cdk-lib/aws-ec2';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { HostedConfig } from '../config.ts';
import { IsolatedNetwork, type Network } from './network.ts';
import { ReasoningEndpoint } from './reasoning-endpoint.ts';

export interface EndpointStackProps extends StackProps {
  readonly config: HostedConfig;
}

/** Stack of the GPU endpoint and its models, which takes long to deploy. */
export class EndpointStack extends Stack {
  readonly endpoint: ReasoningEndpoint;

  constructor(scope: Construct, id: string, { config, ...props }: EndpointStackProps) {
    super(scope, id, props);
    this.endpoint = new ReasoningEndpoint(this, 'Endpoint', {
      ...config.endpoint,
      network: this.#networkOf(config),
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

  /** Zones from the region's own list at deployment, because a lookup would call AWS at synth. */
  override get availabilityZones(): string[] {
    return [0, 1].map((index) => Fn.select(index, Fn.getAzs()));
  }

  #networkOf({ endpoint: { network }, logRetentionDays }: HostedConfig): Network | undefined {
    switch (network?.kind) {
      case undefined:
        return undefined;
      case 'isolated':
        return new IsolatedNetwork(this, 'Network', {
          logRetention: logRetentionDays satisfies RetentionDays,
          ...(network.cidr !== undefined && { cidr: network.cidr }),
        });
      case 'existing':
        return {
          subnets: network.subnetIds.map((id) => Subnet.fromSubnetId(this, id, id)),
          securityGroups: network.securityGroupIds.map((id) => SecurityGroup.fromSecurityGroupId(this, id, id)),
        };
    }
  }
}
