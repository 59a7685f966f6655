import { Arn, ArnFormat, Stack, Token } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import type { ImageRepository } from '../facts/image-registries.ts';
import { type ModelSource, parseS3Uri, type S3Source } from '../serving/model-source.ts';
import type { Network } from './network.ts';

export interface EndpointRoleProps {
  /** What the role does, for the console. @default - hosts models */
  readonly description?: string | undefined;
  /** Sources of weights and adapters that the role may read. */
  readonly sources: readonly ModelSource[];
  readonly repositories: readonly ImageRepository[];
  /** Names of the log groups that the endpoint and its components write to; `*` is a wildcard. The groups exist before. */
  readonly logGroupNames: readonly string[];
  /** Network that the containers join. */
  readonly network?: Network | undefined;
}

/**
 * Creates the role with which SageMaker hosts models: it reads weights, pulls images, and writes logs and metrics.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
 */
export function createEndpointRole(scope: Construct, id: string, props: EndpointRoleProps): Role {
  const stack = Stack.of(scope);
  const role = new Role(scope, id, {
    description:
      props.description ?? 'Hosts models on a SageMaker endpoint: reads weights and images, writes logs and metrics',
    assumedBy: new ServicePrincipal('sagemaker.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
    }),
  });

  for (const source of props.sources) if (source.kind === 's3') readWeights(role, source);
  role.addToPolicy(
    new PolicyStatement({
      sid: 'PullImages',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
      resources: [
        ...new Set(
          props.repositories.map(({ account, region, name }) =>
            Arn.format({ service: 'ecr', account, region, resource: 'repository', resourceName: name }, stack),
          ),
        ),
      ],
    }),
  );
  const logs = props.logGroupNames.map((name) =>
    Arn.format(
      { service: 'logs', resource: 'log-group', resourceName: `${name}:*`, arnFormat: ArnFormat.COLON_RESOURCE_NAME },
      stack,
    ),
  );
  role.addToPolicy(
    new PolicyStatement({
      sid: 'WriteLogs',
      // Without logs:CreateLogGroup: a late write after a deletion would create the group again, and the next deployment would fail on it.
      actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: logs,
    }),
  );
  for (const arn of logs) {
    acknowledgeArn(role, 'IAM5', 'Resource', arn, 'SageMaker names the streams in this endpoint’s log groups.');
  }
  role.addToPolicy(
    new PolicyStatement({ sid: 'LogInToRegistries', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      sid: 'WriteMetrics',
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringLike: { 'cloudwatch:namespace': ['AWS/SageMaker*', '/aws/sagemaker/*'] } },
    }),
  );
  acknowledgeArn(
    role,
    'IAM5',
    'Resource',
    '*',
    'ecr:GetAuthorizationToken, cloudwatch:PutMetricData and ec2:Describe… do not support resources; the second is limited to its namespaces.',
  );
  if (props.network !== undefined) joinNetwork(role, props.network);
  return role;
}

/**
 * Permissions of CreateModel with a VPC.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
 */
function joinNetwork(role: Role, { subnets, securityGroups }: Network): void {
  const stack = Stack.of(role);
  const ec2 = (resource: string, resourceName: string) => Arn.format({ service: 'ec2', resource, resourceName }, stack);
  const interfaces = ec2('network-interface', '*');
  role.addToPolicy(
    new PolicyStatement({
      sid: 'JoinNetwork',
      actions: [
        'ec2:CreateNetworkInterface',
        'ec2:CreateNetworkInterfacePermission',
        'ec2:DeleteNetworkInterface',
        'ec2:DeleteNetworkInterfacePermission',
      ],
      resources: [
        interfaces,
        ...subnets.map(({ subnetId }) => ec2('subnet', subnetId)),
        ...securityGroups.map(({ securityGroupId }) => ec2('security-group', securityGroupId)),
      ],
    }),
  );
  acknowledgeArn(
    role,
    'IAM5',
    'Resource',
    interfaces,
    'SageMaker names the network interfaces; subnets and security groups are limited to this endpoint’s.',
  );
  role.addToPolicy(
    new PolicyStatement({
      sid: 'SeeNetwork',
      actions: [
        'ec2:DescribeDhcpOptions',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
      ],
      resources: ['*'],
    }),
  );
}

function readWeights(role: Role, { uri, kmsKeyArn }: S3Source): void {
  const { bucket, prefix } = parseS3Uri(uri);
  const bucketArn = Arn.format({ service: 's3', region: '', account: '', resource: bucket }, Stack.of(role));
  const objects = `${bucketArn}/${prefix}*`;
  role.addToPolicy(
    new PolicyStatement({ ...sid('Read', bucket, prefix), actions: ['s3:GetObject'], resources: [objects] }),
  );
  acknowledgeArn(role, 'IAM5', 'Resource', objects, 'The weights are all objects under the prefix.');
  role.addToPolicy(
    new PolicyStatement({
      ...sid('List', bucket, prefix),
      actions: ['s3:ListBucket'],
      resources: [bucketArn],
      conditions: { StringLike: { 's3:prefix': [`${prefix}*`] } },
    }),
  );
  if (kmsKeyArn === undefined) return;
  role.addToPolicy(
    new PolicyStatement({ ...sid('Decrypt', bucket, prefix), actions: ['kms:Decrypt'], resources: [kmsKeyArn] }),
  );
}

/** A token has no characters that a Sid may have but its number, which differs from synth to synth. */
function sid(action: string, ...parts: readonly string[]): { readonly sid?: string } {
  if (Token.isUnresolved(parts.join(''))) return {};
  return { sid: action + parts.join('').replaceAll(/[^A-Za-z0-9]/g, '') };
}
