import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
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
  Subnet,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** Part of a VPC in which containers, or the function of an API, have their network interfaces. */
export interface Network {
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
  /** If true, the network is known to have no route to the internet. */
  readonly isolated?: boolean | undefined;
}

export interface IsolatedNetworkProps {
  /**
   * VPC to use instead of a new one, for instance of `Vpc.fromLookup`. It gets the security groups and the VPC endpoints that
   * hosting needs, and no routes.
   *
   * @default - a new VPC
   */
  readonly vpc?: IVpc | undefined;
  /**
   * Subnets of `vpc` for the containers, in at least two zones.
   *
   * @default - the isolated subnets of `vpc`
   */
  readonly vpcSubnets?: SubnetSelection | undefined;
  /**
   * Whether to create the interface endpoints in `vpc`. A VPC accepts one endpoint with private DNS for a service: write `false` if
   * it has them. A new VPC always gets its endpoints.
   *
   * @default true
   */
  readonly vpcEndpoints?: boolean | undefined;
  /**
   * Two or more zones of a new VPC, for instance `['us-east-1a', 'us-east-1c']`. Needed if GPU capacity or a VPC endpoint service is in some
   * zones only.
   *
   * @default - the first two zones of the region
   */
  readonly zones?: readonly string[] | undefined;
  /**
   * Address range of a new VPC, /16 to /23. Its subnets are /24 each.
   *
   * @default '10.0.0.0/20'
   */
  readonly cidr?: string | undefined;
  /**
   * Whether the network also gets the endpoints that the function of a `ReasoningApi` needs: SageMaker Runtime, Secrets Manager and
   * DynamoDB; with `scaling`, also SageMaker and Application Auto Scaling, for models that scale by load or to zero; with `retrieval`, also S3
   * Vectors, and with its `titan` also Bedrock.
   *
   * @default - none
   */
  readonly functionEndpoints?:
    | { readonly scaling?: boolean | undefined; readonly retrieval?: 'none' | 'titan' | undefined }
    | undefined;
  /**
   * Retention of the flow logs of a new VPC.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays | undefined;
}

/**
 * A network without a route to the internet, in two zones, with VPC endpoints for the services that hosting needs: S3 for weights,
 * ECR for images, CloudWatch for logs and metrics. In a new VPC, or in an existing one.
 */
export class IsolatedNetwork extends Construct implements Network {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly securityGroups: readonly ISecurityGroup[];
  readonly isolated = true;

  constructor(scope: Construct, id: string, props: IsolatedNetworkProps = {}) {
    super(scope, id);
    const { vpc = this.#createVpc(props) } = props;
    const existing = props.vpc !== undefined;
    this.vpc = vpc;
    this.subnets = existing
      ? vpc.selectSubnets(props.vpcSubnets ?? { subnetType: SubnetType.PRIVATE_ISOLATED }).subnets
      : vpc.isolatedSubnets;
    if (!existing || props.vpcEndpoints !== false) this.#addEndpoints(vpc, existing, props);
    this.securityGroups = [this.#createContainerGroup(vpc)];
  }

  #createVpc({ logRetention = RetentionDays.ONE_MONTH, cidr = '10.0.0.0/20', zones }: IsolatedNetworkProps): IVpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr(cidr),
      ...(zones === undefined ? { maxAzs: 2 } : { availabilityZones: [...zones] }),
      natGateways: 0,
      subnetConfiguration: [{ name: 'models', subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: 24 }],
      restrictDefaultSecurityGroup: false,
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    vpc.addFlowLog('FlowLog', {
      destination: FlowLogDestination.toCloudWatchLogs(
        new LogGroup(this, 'FlowLogs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY }),
        // CDK's own role would serve flow logs of other accounts, too.
        new Role(this, 'FlowLogRole', {
          description: 'Writes the flow logs of the network',
          assumedBy: new ServicePrincipal('vpc-flow-logs.amazonaws.com', {
            conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
          }),
        }),
      ),
    });
    // Needed under exactOptionalPropertyTypes: the class lacks `undefined` in optional properties of its own interface.
    return vpc as IVpc;
  }

  /** Adds the interface endpoints and, in an existing VPC, the gateway of S3 for the subnets of the containers. */
  #addEndpoints(vpc: IVpc, existing: boolean, { functionEndpoints }: IsolatedNetworkProps): void {
    const group = new SecurityGroup(this, 'EndpointGroup', {
      vpc,
      description: 'Endpoints of AWS services',
      allowAllOutbound: false,
    });
    group.addIngressRule(Peer.ipv4(vpc.vpcCidrBlock), Port.tcp(443), 'HTTPS from the containers');
    for (const [name, service] of Object.entries(servicesOf(functionEndpoints))) {
      vpc.addInterfaceEndpoint(name, {
        service,
        securityGroups: [group],
        open: false,
        ...(existing && { subnets: { subnets: [...this.subnets] } }),
      });
    }
    if (functionEndpoints !== undefined) {
      vpc.addGatewayEndpoint('FunctionDynamoDb', {
        service: GatewayVpcEndpointAwsService.DYNAMODB,
        subnets: [{ subnets: [...this.subnets] }],
      });
    }
    if (existing) {
      vpc.addGatewayEndpoint('ModelsS3', {
        service: GatewayVpcEndpointAwsService.S3,
        subnets: [{ subnets: [...this.subnets] }],
      });
    }
    Validations.of(group).acknowledge({
      id: 'AwsSolutions-EC23',
      reason: 'The rule allows only the address range of this VPC.',
    });
  }

  #createContainerGroup(vpc: IVpc): SecurityGroup {
    const containers = new SecurityGroup(this, 'ContainerGroup', {
      vpc,
      description: 'Containers of models',
      allowAllOutbound: false,
    });
    containers.addEgressRule(Peer.ipv4(vpc.vpcCidrBlock), Port.tcp(443), 'HTTPS to the endpoints');
    containers.addEgressRule(
      Peer.anyIpv4(),
      Port.tcp(443),
      'HTTPS to S3 and DynamoDB through their gateways; there is no other way out',
    );
    return containers;
  }
}

/** An existing part of a VPC, as a config names it. */
interface ExistingNetwork {
  readonly kind: 'existing';
  readonly subnetIds: readonly string[];
  readonly zones?: readonly string[] | undefined;
  readonly securityGroupIds: readonly string[];
}

/** Refers to an existing part of a VPC. `undefined` if the config names none. */
export function existingNetworkOf(
  scope: Construct,
  network: ExistingNetwork | { readonly kind: 'isolated' | 'endpoint' } | undefined,
): Network | undefined {
  if (network?.kind !== 'existing') return undefined;
  const { subnetIds, zones = [], securityGroupIds } = network;
  return {
    subnets: subnetIds.map((subnetId, index) => {
      const availabilityZone = zones[index];
      return Subnet.fromSubnetAttributes(scope, subnetId, {
        subnetId,
        ...(availabilityZone !== undefined && { availabilityZone }),
      });
    }),
    securityGroups: securityGroupIds.map((id) => SecurityGroup.fromSecurityGroupId(scope, id, id)),
  };
}

/** Returns the zone of a subnet. `undefined` if it was imported without its zone. */
export function zoneOf(subnet: ISubnet): string | undefined {
  try {
    return subnet.availabilityZone;
  } catch {
    // CDK throws for a subnet that was imported by its id alone. Its zone is then not checked.
    return undefined;
  }
}

function servicesOf(
  functionEndpoints: IsolatedNetworkProps['functionEndpoints'],
): Readonly<Record<string, InterfaceVpcEndpointAwsService>> {
  if (functionEndpoints === undefined) return containerServices;
  const scaling = functionEndpoints.scaling === true ? scalingServices : {};
  const retrieval = functionEndpoints.retrieval === undefined ? {} : retrievalServices;
  const titan = functionEndpoints.retrieval === 'titan' ? titanServices : {};
  return { ...containerServices, ...functionServices, ...scaling, ...retrieval, ...titan };
}

const retrievalServices = { S3Vectors: InterfaceVpcEndpointAwsService.S3_VECTORS };
const titanServices = { Bedrock: InterfaceVpcEndpointAwsService.BEDROCK_RUNTIME };

const functionServices = {
  SageMakerRuntime: InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
  SecretsManager: InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
};

const scalingServices = {
  SageMaker: InterfaceVpcEndpointAwsService.SAGEMAKER_API,
  AutoScaling: InterfaceVpcEndpointAwsService.APPLICATION_AUTOSCALING,
};

const containerServices = {
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
