import { Arn, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { ImageRepository } from './container-image.ts';
import { type ModelSource, parseS3Uri } from './model-source.ts';

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

  for (const source of props.sources) {
    if (source.kind !== 's3') continue;
    const { bucket, prefix } = parseS3Uri(source.uri);
    const bucketArn = Arn.format({ service: 's3', region: '', account: '', resource: bucket }, stack);
    role.addToPolicy(
      new PolicyStatement({
        sid: sid('ReadWeights', bucket, prefix),
        actions: ['s3:GetObject'],
        resources: [`${bucketArn}/${prefix}*`],
      }),
    );
    role.addToPolicy(
      new PolicyStatement({
        sid: sid('ListWeights', bucket, prefix),
        actions: ['s3:ListBucket'],
        resources: [bucketArn],
        conditions: { StringLike: { 's3:prefix': [`${prefix}*`] } },
      }),
    );
    if (source.kmsKeyArn !== undefined) {
      role.addToPolicy(
        new PolicyStatement({
          sid: sid('DecryptWeights', bucket, prefix),
          actions: ['kms:Decrypt'],
          resources: [source.kmsKeyArn],
        }),
      );
    }
  }
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
  role.addToPolicy(
    // ecr:GetAuthorizationToken knows no resources.
    new PolicyStatement({ sid: 'LogInToRegistries', actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      sid: 'WriteLogs',
      actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: props.logGroupNames.map((name) =>
        Arn.format(
          {
            service: 'logs',
            resource: 'log-group',
            resourceName: `${name}:*`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          },
          stack,
        ),
      ),
    }),
  );
  role.addToPolicy(
    // cloudwatch:PutMetricData knows no resources; the namespace is what can be narrowed.
    new PolicyStatement({
      sid: 'WriteMetrics',
      effect: Effect.ALLOW,
      actions: ['cloudwatch:PutMetricData'],
      resources: ['*'],
      conditions: { StringLike: { 'cloudwatch:namespace': ['AWS/SageMaker*', '/aws/sagemaker/*'] } },
    }),
  );
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5',
    reason:
      'The weights are all objects under one prefix, log streams are named by SageMaker, and two actions know no resources (ecr:GetAuthorizationToken, cloudwatch:PutMetricData, the latter narrowed to its namespaces).',
  });
  return role;
}

function sid(action: string, ...parts: readonly string[]): string {
  return action + parts.join('').replaceAll(/[^A-Za-z0-9]/g, '');
}
