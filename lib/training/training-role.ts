import { Arn, ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import { createEndpointRole } from '../endpoint/endpoint-role.ts';
import type { Network } from '../endpoint/network.ts';
import { repositoryOfUri } from '../facts/image-registries.ts';
import type { S3Source } from '../serving/model-source.ts';
import { CHECKPOINTS } from './bucket-layout.ts';

export interface TrainingRoleProps {
  readonly bucket: Bucket;
  readonly kmsKeyArn: string | undefined;
  readonly code: Asset;
  /** Weights to begin with, if they are in S3. */
  readonly base: S3Source | undefined;
  readonly image: string;
  readonly network: Network | undefined;
}

const LOG_GROUP = '/aws/sagemaker/TrainingJobs';

/**
 * Creates the role of training jobs: it reads code, rows and weights, and writes checkpoints and the trained model.
 *
 * https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
 */
export function createTrainingRole(scope: Construct, id: string, props: TrainingRoleProps): Role {
  const { bucket, kmsKeyArn, code, base, image, network } = props;
  const repository = repositoryOfUri(image);
  const role = createEndpointRole(scope, id, {
    description: 'Trains a model: reads code, rows and weights, writes checkpoints and the trained model',
    sources: [
      { kind: 's3', uri: `s3://${bucket.bucketName}/runs/*/data/` },
      { kind: 's3', uri: `s3://${bucket.bucketName}/${CHECKPOINTS}` },
      ...(base === undefined ? [] : [base]),
    ],
    repositories: repository === undefined ? [] : [repository],
    logGroupNames: [LOG_GROUP],
    network,
  });
  readCode(role, code);
  // The group is that of all training jobs of the account, and may not exist yet.
  role.addToPolicy(
    new PolicyStatement({
      sid: 'CreateLogGroup',
      actions: ['logs:CreateLogGroup'],
      resources: [
        Arn.format(
          {
            service: 'logs',
            resource: 'log-group',
            resourceName: `${LOG_GROUP}:*`,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          },
          Stack.of(scope),
        ),
      ],
    }),
  );
  const written = [bucket.arnForObjects('runs/*/output/*'), bucket.arnForObjects(`${CHECKPOINTS}*`)];
  role.addToPolicy(
    new PolicyStatement({
      sid: 'WriteModels',
      actions: ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
      resources: written,
    }),
  );
  for (const arn of written) acknowledgeArn(role, 'IAM5', 'Resource', arn, 'The folder is named after the run.');
  if (kmsKeyArn !== undefined) {
    role.addToPolicy(
      new PolicyStatement({
        sid: 'UseKey',
        actions: ['kms:Decrypt', 'kms:GenerateDataKey', 'kms:DescribeKey'],
        resources: [kmsKeyArn],
      }),
    );
  }
  return role;
}

/** SageMaker lists what begins with the key of the one object, and reads it. */
function readCode(role: Role, { bucket, s3ObjectKey }: Asset): void {
  role.addToPolicy(
    new PolicyStatement({ sid: 'ReadCode', actions: ['s3:GetObject'], resources: [bucket.arnForObjects(s3ObjectKey)] }),
  );
  role.addToPolicy(
    new PolicyStatement({
      sid: 'ListCode',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringEquals: { 's3:prefix': [s3ObjectKey] } },
    }),
  );
}
