import { Arn, ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  CfnEventSourceMapping,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BlockPublicAccess, Bucket, BucketEncryption, CfnBucket, EventType } from 'aws-cdk-lib/aws-s3';
import { CfnIndex, CfnVectorBucket } from 'aws-cdk-lib/aws-s3vectors';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { TITAN_MODEL } from '../../lambda/retrieval/embed/titan-model.ts';
import { SEARCH_KEY, unfilterableKeys } from '../../lambda/retrieval/s3-vectors/metadata-keys.ts';
import { analyzerOf } from '../../lambda/retrieval/s3-vectors/search-text.ts';
import { STORE_FILE_PREFIX } from '../../lambda/retrieval/sync/store-file.ts';
import type { RetrievalSettings } from '../../lambda/settings/retrieval-settings.ts';
import { alarmOnDeadLetters, createDeadLetterQueue } from '../alarms/dead-letters.ts';
import { putIntoNetwork } from '../api/function-network.ts';
import { createTokenizerLayer, tokenizerPath } from '../api/tokenizer-layer.ts';
import { ASSET_FOLDER, programAsset } from '../bundles/program-code.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import type { Network } from '../endpoint/network.ts';
import type { RetrievalConfig } from './retrieval-schema.ts';

export interface DocumentIndexProps extends RetrievalConfig {
  /** Path of the tokenizer.json that counts the tokens of chunks. */
  readonly tokenizer: string;
  /**
   * Customer-managed KMS key for documents, passages and the function's environment. Its policy has to allow S3 Vectors, see docs/retrieval.md.
   *
   * @default - keys of the services
   */
  readonly key?: IKey | undefined;
  /**
   * Network of the function.
   *
   * @default - outside your VPCs
   */
  readonly network?: Network | undefined;
  /**
   * Whether X-Ray traces the function.
   *
   * @default false
   */
  readonly tracing?: boolean | undefined;
  readonly logRetention: RetentionDays;
  /**
   * ARN of the SNS topic that is notified if a document is not ingested.
   *
   * @default - no notification; the alarm is visible in the console
   */
  readonly alarmTopicArn?: string | undefined;
  /**
   * URL of the runbook.
   *
   * @default docs/runbook.md
   */
  readonly runbookUrl?: string | undefined;
}

/** Longest time of one file, in minutes: Lambda's own limit. */
const TIMEOUT_MINUTES = 15;
/** Memory of the function, in MB: what reading may take, the tokenizer, and the bytes of the file twice. At 1,769, one full CPU. */
const MEMORY_MB = 2_560;
/** Runs of one file before it counts as failed. */
const MAX_RUNS = 5;
/** Files that are ingested at a time, so that embeddings and the index are not throttled. */
const CONCURRENCY = 10;

/** Actions of whoever searches, and of the ingestion, which writes as well (lambda/retrieval/s3-vectors). */
const SEARCH_ACTIONS = ['s3vectors:QueryVectors', 's3vectors:GetVectors'];
const WRITE_ACTIONS = ['s3vectors:PutVectors', 's3vectors:DeleteVectors'];

/**
 * Documents and the index of their passages: a bucket, whose events reach a function by a queue, and an index of S3 Vectors. The function brings
 * into the index what is in the bucket; a file that fails five times is in a dead-letter queue, with an alarm.
 */
export class DocumentIndex extends Construct {
  /** What the API and the ingestion know of it. */
  readonly settings: RetrievalSettings;
  readonly documents: Bucket;
  readonly index: CfnIndex;
  readonly alarm: Alarm;
  readonly #key: IKey | undefined;

  constructor(scope: Construct, id: string, props: DocumentIndexProps) {
    super(scope, id);
    this.#key = props.key;
    const removalPolicy = props.removal === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    this.documents = this.#createBucket(removalPolicy);
    this.index = this.#createIndex(props, removalPolicy);
    this.settings = {
      indexArn: this.index.attrIndexArn,
      documentBucket: this.documents.bucketName,
      language: props.language,
      embeddings: props.embeddings,
    };
    const { queue, failed } = this.#createQueues();
    this.#notify(queue);
    this.#createFunction(props, queue);
    this.alarm = alarmOnDeadLetters(this, failed, {
      meaning: `A file of a store was not ingested in ${MAX_RUNS} runs, so its passages are missing or old`,
      anchor: 'documents',
      alarmTopicArn: props.alarmTopicArn,
      runbookUrl: props.runbookUrl,
    });
  }

  /** Lets the API's function search, write and remove passages, and read, write and delete documents. */
  grantUse(role: IRole): void {
    this.#grantIndex(role);
    this.#grantObjects(role, ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'], '*');
  }

  #createBucket(removalPolicy: RemovalPolicy): Bucket {
    const key = this.#key;
    const bucket = new Bucket(this, 'Documents', {
      ...(key === undefined
        ? { encryption: BucketEncryption.S3_MANAGED }
        : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Only the two functions read and write it, and log each request. Data events of CloudTrail show other readers.',
    });
    return bucket;
  }

  #createIndex({ embeddings, language }: RetrievalConfig, removalPolicy: RemovalPolicy): CfnIndex {
    const encryptionConfiguration =
      this.#key === undefined ? { sseType: 'AES256' } : { sseType: 'aws:kms', kmsKeyArn: this.#key.keyArn };
    const bucket = new CfnVectorBucket(this, 'Vectors', { encryptionConfiguration });
    bucket.applyRemovalPolicy(removalPolicy);
    const index = new CfnIndex(this, 'Index', {
      vectorBucketArn: bucket.attrVectorBucketArn,
      dataType: 'float32',
      // Without embeddings, each record has the constant vector of docs/decisions/0031-vectors-of-text-only-stores.md.
      dimension: embeddings.kind === 'titan' ? embeddings.dimensions : 1,
      distanceMetric: 'cosine',
      metadataConfiguration: { nonFilterableMetadataKeys: [...unfilterableKeys] },
    });
    index.applyRemovalPolicy(removalPolicy);
    const analyzer = analyzerOf(language);
    // The types of aws-cdk-lib 2.276 do not have it yet.
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-s3vectors-index-textsearchconfiguration.html
    index.addPropertyOverride('MetadataConfiguration.TextSearchConfigurations', [
      { MetadataKey: SEARCH_KEY, ...(analyzer !== undefined && { Language: analyzer }) },
    ]);
    Validations.of(index).acknowledge({
      id: 'CloudFormation-Validate::F3002',
      reason:
        'The reference of CloudFormation has TextSearchConfigurations since September 2026; the rule’s schema is older.',
    });
    return index;
  }

  #createQueues(): { readonly queue: Queue; readonly failed: Queue } {
    const failed = createDeadLetterQueue(this);
    // A customer-managed key would have to allow S3 in its policy. Messages have the names of objects alone.
    const queue = new Queue(this, 'Events', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      // AWS recommends six times the timeout of the function, at most 12 hours.
      visibilityTimeout: Duration.minutes(TIMEOUT_MINUTES * 6),
      deadLetterQueue: { queue: failed, maxReceiveCount: MAX_RUNS },
    });
    return { queue, failed };
  }

  /**
   * Sends the events of store files to the queue. CDK's own way needs a function with rights to the notifications of all buckets, so the bucket
   * has them in its template, and the queue allows all buckets of the account.
   */
  #notify(queue: Queue): void {
    const permission = queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    const resource = this.documents.node.defaultChild;
    if (!(resource instanceof CfnBucket)) return;
    // S3 sends a test event when the bucket is created, and fails if the queue does not take it.
    if (permission.policyDependable !== undefined) resource.node.addDependency(permission.policyDependable);
    resource.notificationConfiguration = {
      queueConfigurations: [EventType.OBJECT_CREATED, EventType.OBJECT_REMOVED, EventType.LIFECYCLE_EXPIRATION].map(
        (event) => ({
          event,
          queue: queue.queueArn,
          filter: { s3Key: { rules: [{ name: 'prefix', value: STORE_FILE_PREFIX }] } },
        }),
      ),
    };
  }

  #createFunction(props: DocumentIndexProps, queue: Queue): void {
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', {
      description: 'Ingestion: reads documents, writes their passages, writes its logs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(role);
    this.#grantIndex(role);
    this.#grantObjects(role, ['s3:GetObject'], '*');
    this.#grantObjects(role, ['s3:PutObject', 's3:DeleteObject'], 'states/*');
    const handler = new LambdaFunction(this, 'Function', {
      description: 'Brings the documents of stores into their index',
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: MEMORY_MB,
      timeout: Duration.minutes(TIMEOUT_MINUTES),
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      layers: [createTokenizerLayer(this, 'Tokenizer', props.tokenizer)],
      environment: {
        RETRIEVAL: Stack.of(this).toJsonString(this.settings),
        TOKENIZER_FILE: tokenizerPath(props.tokenizer),
      },
      ...(this.#key !== undefined && { environmentEncryption: this.#key }),
      code: Code.fromAsset(ASSET_FOLDER, programAsset('documents')),
      handler: 'index.handler',
    });
    handler.addEventSource(new SqsEventSource(queue, { batchSize: 1, maxConcurrency: CONCURRENCY }));
    for (const part of handler.node.findAll()) {
      if (!(part instanceof CfnEventSourceMapping)) continue;
      Validations.of(part).acknowledge({
        id: 'Serverless-LambdaEventSourceMappingDestination',
        reason: 'Failed messages go to the dead-letter queue of their queue; destinations are for streams.',
      });
    }
    if (props.network !== undefined) putIntoNetwork(handler, props.network);
    Validations.of(handler).acknowledge({
      id: 'Serverless-LambdaDLQ',
      reason: 'The queue of its events has the dead-letter queue.',
    });
    if (props.tracing) {
      const reason = 'xray:PutTraceSegments and xray:PutTelemetryRecords do not support resources.';
      acknowledgeArn(role, 'IAM5', 'Resource', '*', reason);
    } else {
      Validations.of(handler).acknowledge({
        id: 'Serverless-LambdaTracing',
        reason: 'Tracing is a choice of the stage, because each traced run is charged.',
      });
    }
  }

  #grantIndex(role: IRole): void {
    role.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...SEARCH_ACTIONS, ...WRITE_ACTIONS], resources: [this.settings.indexArn] }),
    );
    if (this.settings.embeddings.kind === 'titan') {
      const model = Arn.format(
        {
          service: 'bedrock',
          account: '',
          resource: 'foundation-model',
          resourceName: TITAN_MODEL,
          arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
        },
        Stack.of(this),
      );
      role.addToPrincipalPolicy(new PolicyStatement({ actions: ['bedrock:InvokeModel'], resources: [model] }));
    }
    if (this.#key !== undefined) {
      role.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [this.#key.keyArn] }),
      );
    }
  }

  #grantObjects(role: IRole, actions: readonly string[], names: string): void {
    const objects = this.documents.arnForObjects(names);
    role.addToPrincipalPolicy(new PolicyStatement({ actions: [...actions], resources: [objects] }));
    acknowledgeArn(
      role,
      'IAM5',
      'Resource',
      objects,
      'Objects have the ids of stores and files, which exist at run time.',
    );
    if (actions.includes('s3:GetObject')) {
      // Without it, S3 answers a read of a missing object with 403 instead of 404.
      role.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.documents.bucketArn] }),
      );
    }
  }
}
