import { Fn, Stack, type StackProps } from 'aws-cdk-lib';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { IsolatedNetwork, type IsolatedNetworkProps } from './network.ts';

export interface NetworkStackProps extends StackProps {
  readonly cidr?: string | undefined;
  readonly zones?: readonly string[] | undefined;
  readonly functionEndpoints?: IsolatedNetworkProps['functionEndpoints'];
  readonly logRetention?: RetentionDays | undefined;
}

/**
 * Stack of the network of an endpoint. A stack of its own, because SageMaker removes its network interfaces some time after the endpoint was
 * deleted: a stack with both would fail to be deleted, and could not be deployed again until then.
 */
export class NetworkStack extends Stack {
  readonly network: IsolatedNetwork;

  constructor(
    scope: Construct,
    id: string,
    { cidr, zones, functionEndpoints, logRetention, ...props }: NetworkStackProps,
  ) {
    super(scope, id, props);
    this.network = new IsolatedNetwork(this, 'Network', { cidr, zones, functionEndpoints, logRetention });
  }

  /** Zones from the region's own list at deployment, because a lookup would call AWS at synth. */
  override get availabilityZones(): string[] {
    return [0, 1].map((index) => Fn.select(index, Fn.getAzs()));
  }
}
