import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledgeArn } from './acknowledge.ts';
import type { ImageRepository } from './container-image.ts';
import { type ModelSource, parseS3Uri, type S3Source } from './model-source.ts';

export interface EndpointRoleProps {
  readonly sources: readonly ModelSource[];
  readonly repositories: readonly ImageRepository[];
  /** Names of the log groups that the endpoint and its components write to. */
  readonly logGroupNames: readonly string[];
}

/**
 * The role that SageMaker takes to host models: read the weights, pull the images, write logs and metrics.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createmodel-perms
 */
export function createEndpointRole(scope: Construct, id: string, props: EndpointRoleProps): Role {
  const stack = Stack.of(scope);
  const role = new Role(scope, id, {
    description: 'Hosts models on a SageMaker endpoint: reads weights and images, writes logs and metrics',
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
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: logs,
    }),
  );
  for (const arn of logs) {
    acknowledgeArn(role, 'IAM5', 'Resource', arn, 'SageMaker names the streams of this endpoint’s log groups.');
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
    'ecr:GetAuthorizationToken and cloudwatch:PutMetricData know no resources; the latter is narrowed to its namespaces.',
  );
  return role;
}

function readWeights(role: Role, { uri, kmsKeyArn }: S3Source): void {
  const { bucket, prefix } = parseS3Uri(uri);
  const bucketArn = Arn.format({ service: 's3', region: '', account: '', resource: bucket }, Stack.of(role));
  const objects = `${bucketArn}/${prefix}*`;
  role.addToPolicy(
    new PolicyStatement({ sid: sid('Read', bucket, prefix), actions: ['s3:GetObject'], resources: [objects] }),
  );
  acknowledgeArn(role, 'IAM5', 'Resource', objects, 'The weights are all objects under one prefix.');
  role.addToPolicy(
    new PolicyStatement({
      sid: sid('List', bucket, prefix),
      actions: ['s3:ListBucket'],
      resources: [bucketArn],
      conditions: { StringLike: { 's3:prefix': [`${prefix}*`] } },
    }),
  );
  if (kmsKeyArn === undefined) return;
  role.addToPolicy(
    new PolicyStatement({ sid: sid('Decrypt', bucket, prefix), actions: ['kms:Decrypt'], resources: [kmsKeyArn] }),
  );
}

function sid(action: string, ...parts: readonly string[]): string {
  return action + parts.join('').replaceAll(/[^A-Za-z0-9]/g, '');
}
