import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { CHECKPOINTS } from './bucket-layout.ts';

/**
 * The bucket of runs: data, checkpoints, weights, reports, and which weights are in service. It stays when the stack is deleted, since
 * models in service are in it.
 */
export class TrainingBucket extends Construct {
  readonly bucket: Bucket;

  constructor(
    scope: Construct,
    id: string,
    { kmsKeyArn, checkpointDays }: { readonly kmsKeyArn?: string | undefined; readonly checkpointDays: number },
  ) {
    super(scope, id);
    this.bucket = new Bucket(this, 'Bucket', {
      ...(kmsKeyArn === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : {
            encryption: BucketEncryption.KMS,
            encryptionKey: Key.fromKeyArn(this, 'Key', kmsKeyArn),
            bucketKeyEnabled: true,
          }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: Duration.days(7) },
        { prefix: CHECKPOINTS, expiration: Duration.days(checkpointDays) },
      ],
    });
    const reason = 'Data events of CloudTrail show who reads and writes; the rows are the owner’s own.';
    Validations.of(this.bucket).acknowledge({ id: 'AwsSolutions-S1', reason });
  }
}
