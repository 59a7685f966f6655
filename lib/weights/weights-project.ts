import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { BuildEnvironmentVariableType } from 'aws-cdk-lib/aws-codebuild';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { ProgramProject } from '../bundles/program-project.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';

export interface WeightsProjectProps {
  /**
   * Name of a bucket in the region of the stack.
   *
   * @default - a new one, which stays when the stack is deleted
   */
  readonly bucketName?: string | undefined;
  /**
   * ARN of the KMS key with which an existing bucket is encrypted.
   *
   * @default - none
   */
  readonly kmsKeyArn?: string | undefined;
  /**
   * Name of a secret with the access token of the Hugging Face hub.
   *
   * @default - none: gated models cannot be read
   */
  readonly tokenSecretName?: string | undefined;
  /**
   * Longest time of a build, in hours, 0.25 to 36.
   *
   * @default 8
   */
  readonly maxHours?: number | undefined;
  readonly logRetention: RetentionDays;
}

/**
 * A bucket for weights, and a CodeBuild project that brings models of the Hugging Face hub into it, for those whose own connection is
 * slow: `budgetforce weights CONFIG --codebuild` starts it. It costs nothing while no build runs.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
 */
export class WeightsProject extends Construct {
  readonly bucket: Bucket | IBucket;
  readonly projectName: string;

  constructor(scope: Construct, id: string, props: WeightsProjectProps) {
    super(scope, id);
    this.bucket =
      props.bucketName === undefined ? this.#createBucket() : Bucket.fromBucketName(this, 'Bucket', props.bucketName);
    const role = new Role(this, 'Role', {
      description: 'Brings weights of the Hugging Face hub into a bucket',
      assumedBy: new ServicePrincipal('codebuild.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    this.#allowWriting(role, props.kmsKeyArn);
    const { tokenSecretName } = props;
    const { project } = new ProgramProject(this, 'Program', {
      program: 'weights',
      description: 'Brings weights of the Hugging Face hub into a bucket (budgetforce weights --codebuild)',
      role,
      timeout: Duration.minutes(Math.round((props.maxHours ?? 8) * 60)),
      environment: {
        BUCKET: { value: this.bucket.bucketName },
        ...(tokenSecretName !== undefined && {
          HF_TOKEN: { type: BuildEnvironmentVariableType.SECRETS_MANAGER, value: tokenSecretName },
        }),
      },
      resultVariable: 'BROUGHT',
      logRetention: props.logRetention,
    });
    this.projectName = project.projectName;
  }

  #createBucket(): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
      // An interrupted upload goes on within this time; then its parts cost nothing more.
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(7) }],
    });
    const reason = 'Weights are public or can be brought again. Data events of CloudTrail show who reads them.';
    Validations.of(bucket).acknowledge({ id: 'AwsSolutions-S1', reason });
    return bucket;
  }

  #allowWriting(role: Role, kmsKeyArn: string | undefined): void {
    const objects = this.bucket.arnForObjects('*');
    role.addToPolicy(
      new PolicyStatement({
        sid: 'WriteWeights',
        actions: ['s3:GetObject', 's3:PutObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
        resources: [objects],
      }),
    );
    acknowledgeArn(role, 'IAM5', 'Resource', objects, 'A build may bring any model under any prefix of this bucket.');
    role.addToPolicy(
      new PolicyStatement({
        sid: 'ListWeights',
        actions: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
        resources: [this.bucket.bucketArn],
      }),
    );
    if (kmsKeyArn === undefined) return;
    role.addToPolicy(
      new PolicyStatement({
        sid: 'EncryptWeights',
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [kmsKeyArn],
      }),
    );
  }
}
