import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  GatewayVpcEndpointAwsService,
  InterfaceVpcEndpointAwsService,
  IpAddresses,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Where the containers have their network interfaces. */
export interface Network {
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
  /** Whether the internet is out of reach for sure. */
  readonly isolated?: boolean | undefined;
}

export interface IsolatedNetworkProps {
  /**
   * Addresses of the VPC, /16 to /23: two subnets of /24 are taken from it.
   *
   * @default '10.0.0.0/20'
   */
  readonly cidr?: string | undefined;
  /**
   * How long flow logs are kept.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
}

/**
 * A VPC without a way to the internet: two zones, and endpoints for what hosting a model needs (S3 for weights, ECR for
 * images, CloudWatch for logs and metrics).
 */
export class IsolatedNetwork extends Construct implements Network {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
  readonly isolated = true;

  constructor(
    scope: Construct,
    id: string,
    { logRetention = RetentionDays.ONE_MONTH, cidr = '10.0.0.0/20' }: IsolatedNetworkProps = {},
  ) {
    super(scope, id);
    const created = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'models', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: false,
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    // The class lacks `undefined` in optional properties of its own interface, which this package's TypeScript asks for.
    const vpc = created as IVpc;
    created.addFlowLog('FlowLog', {
      destination: FlowLogDestination.toCloudWatchLogs(
        new LogGroup(this, 'FlowLogs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY }),
      ),
    });
    const endpoints = new SecurityGroup(this, 'EndpointGroup', {
      vpc,
      description: 'Endpoints of AWS services',
      allowAllOutbound: false,
    });
    endpoints.addIngressRule(Peer.ipv4(cidr), Port.tcp(443), 'HTTPS from the containers');
    for (const [name, service] of Object.entries(services)) {
      created.addInterfaceEndpoint(name, { service, securityGroups: [endpoints], open: false });
    }
    const containers = new SecurityGroup(this, 'ContainerGroup', {
      vpc,
      description: 'Containers of models',
      allowAllOutbound: false,
    });
    containers.addEgressRule(Peer.ipv4(cidr), Port.tcp(443), 'HTTPS to the endpoints');
    containers.addEgressRule(
      Peer.anyIpv4(),
      Port.tcp(443),
      'HTTPS to S3 through its gateway; there is no other way out',
    );
    this.vpc = vpc;
    this.subnets = vpc.isolatedSubnets;
    this.securityGroups = [containers];
    Validations.of(endpoints).acknowledge({
      id: 'AwsSolutions-EC23',
      reason: 'The rule allows the range of this VPC only.',
    });
  }
}

const services = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Monitoring: InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
};

/** Refuses more subnets and groups than SageMaker takes, and a download where there is no way out. */
export function checkNetwork(
  network: Network | undefined,
  hubModels: readonly string[],
): readonly (Refusal | undefined)[] {
  if (network === undefined) return [];
  return [
    outside('vpc-size', 'The number of subnets', network.subnets.length, limits.subnets),
    outside('vpc-size', 'The number of security groups', network.securityGroups.length, limits.securityGroups),
    network.isolated && hubModels.length > 0
      ? {
          code: 'vpc-hub',
          sentence: `${hubModels.join(' and ')} would be downloaded from the hub, but the network of the endpoint has no way to the internet: copy the weights to S3 and write { kind: "s3", uri }, or write the network of a VPC that has one.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html',
        }
      : undefined,
  ];
}
