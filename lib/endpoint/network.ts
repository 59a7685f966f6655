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

/** Part of a VPC in which the containers have their network interfaces. */
export interface Network {
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
  /** If true, the network is known to have no route to the internet. */
  readonly isolated?: boolean | undefined;
}

export interface IsolatedNetworkProps {
  /**
   * Address range of the VPC, /16 to /23. Its two subnets are /24 each.
   *
   * @default '10.0.0.0/20'
   */
  readonly cidr?: string | undefined;
  /**
   * Retention of the flow logs.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
}

/**
 * A VPC without a route to the internet, in two zones, with VPC endpoints for the services that hosting needs: S3 for
 * weights, ECR for images, CloudWatch for logs and metrics.
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
    // Needed under exactOptionalPropertyTypes: the class lacks `undefined` in optional properties of its own interface.
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
      reason: 'The rule allows only the address range of this VPC.',
    });
  }
}

const services = {
  EcrApi: InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Logs: InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Monitoring: InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
};

/** Converts the network to SageMaker's VpcConfig. */
export function toVpcConfig({ subnets, securityGroups }: Network) {
  return {
    subnets: subnets.map(({ subnetId }) => subnetId),
    securityGroupIds: securityGroups.map(({ securityGroupId }) => securityGroupId),
  };
}
