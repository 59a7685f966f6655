import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, type LifecycleRule } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Retention } from '../../lambda/settings/retention.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';

/** Actions of the function on objects (lambda/storage/bucket.ts). */
const OBJECT_ACTIONS = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];

/** S3 deletes whole days; the function takes nothing that is older than the retention, so one more day loses nothing. */
const EXTRA_DAYS = 1;

/** Creates the bucket of the content that clients allowed to store, if the retention allows any. */
export function createContentBucket(
  scope: Construct,
  id: string,
  { feedbackDays = 0, responsesDays = 0 }: Partial<Retention>,
  key: IKey | undefined,
): Bucket | undefined {
  if (feedbackDays === 0 && responsesDays === 0) return undefined;
  const rules =
    feedbackDays > 0 && responsesDays > 0
      ? [
          expiring(feedbackDays, 'generations/'),
          expiring(feedbackDays, 'feedback/'),
          expiring(responsesDays, 'responses/'),
        ]
      : [expiring(Math.max(feedbackDays, responsesDays))];
  return createBucket(scope, id, rules, key);
}

/** Creates a bucket whose objects all expire after so many days. See {@link createContentBucket}. */
export function createExpiringBucket(scope: Construct, id: string, days: number, key: IKey | undefined): Bucket {
  return createBucket(scope, id, [expiring(days)], key);
}

/**
 * Creates a bucket of content: encrypted, closed to the public, over TLS only. Objects expire with the retention, so the bucket, which
 * stays when the stack is deleted, empties itself.
 */
function createBucket(scope: Construct, id: string, lifecycleRules: LifecycleRule[], key: IKey | undefined): Bucket {
  const bucket = new Bucket(scope, id, {
    ...(key === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules,
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Only the function reads and writes it, and logs each request. Data events of CloudTrail show other readers.',
  });
  return bucket;
}

function expiring(days: number, prefix?: string): LifecycleRule {
  return {
    ...(prefix === undefined ? {} : { prefix }),
    expiration: Duration.days(days + EXTRA_DAYS),
    abortIncompleteMultipartUploadAfter: Duration.days(1),
  };
}

/** Lets the function read, write and delete objects, and see that one is missing. */
export function grantContent(bucket: Bucket, role: IRole, key: IKey | undefined): void {
  const objects = bucket.arnForObjects('*');
  role.addToPrincipalPolicy(new PolicyStatement({ actions: OBJECT_ACTIONS, resources: [objects] }));
  // Without it, S3 answers a read of a missing object with 403 instead of 404.
  role.addToPrincipalPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
  if (key !== undefined) {
    role.addToPrincipalPolicy(
      new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [key.keyArn] }),
    );
  }
  acknowledgeArn(role, 'IAM5', 'Resource', objects, 'Objects have the ids of responses, which exist at run time.');
}
