import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  type Alias,
  Architecture,
  CfnFunction,
  type ILayerVersion,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { alarmOnDeadLetters, createDeadLetterQueue } from '../alarms/dead-letters.ts';
import { NO_TRACING_REASON } from '../api/api-function.ts';
import { putIntoNetwork } from '../api/function-network.ts';
import type { FunctionSettings } from '../api/split-settings.ts';
import { functionCode } from '../bundles/program-code.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import type { Network } from '../endpoint/network.ts';
import { limits } from '../facts/aws-limits.ts';
import type { BackgroundConfig } from './background-schema.ts';

export interface BackgroundFunctionProps extends BackgroundConfig {
  /** Settings of the function, in its file and its environment. */
  readonly settings: FunctionSettings;
  /** Layers with the tokenizers that the settings name. */
  readonly layers: readonly ILayerVersion[];
  /** Days for which responses are kept. The history of their executions is kept no longer. */
  readonly responsesDays: number;
  readonly memoryMb: number;
  readonly logRetention: RetentionDays;
  readonly tracing?: boolean | undefined;
  /** @default - AWS-managed keys */
  readonly key?: IKey | undefined;
  /** @default - no VPC */
  readonly network?: Network | undefined;
  /** @default - no notification */
  readonly alarmTopicArn?: string | undefined;
  /** @default docs/runbook.md */
  readonly runbookUrl?: string | undefined;
}

/** Longest retention of the history of an execution, in days. */
const MAX_HISTORY_DAYS = 90;
/** Time after the longest response and its longest wait within which an execution must have ended, in hours. */
const MARGIN_HOURS = 1;

/** What a durable function does with its own executions. */
const DURABLE_ACTIONS = ['lambda:CheckpointDurableExecution', 'lambda:GetDurableExecutionState'];

/**
 * The durable function that runs responses in the background, one step for each segment of work. While a response waits, nothing runs.
 * An execution that fails leaves its event in a dead-letter queue, with an alarm.
 *
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/durable-best-practices.html
 */
export class BackgroundFunction extends Construct {
  readonly handler: LambdaFunction;
  readonly role: Role;
  /** What starts an execution: running ones stay on the version that began them. */
  readonly alias: Alias;
  readonly failed: Queue;
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: BackgroundFunctionProps) {
    super(scope, id);
    this.failed = createDeadLetterQueue(this);
    this.role = new Role(this, 'Role', {
      description: 'Background: invokes the endpoint, keeps responses, writes its logs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    this.handler = this.#createFunction(props);
    this.#grantCheckpoints();
    this.alias = this.handler.addAlias('live');
    this.alarm = alarmOnDeadLetters(this, this.failed, {
      meaning: 'A response in the background was given up, and its state does not say so',
      anchor: 'background',
      alarmTopicArn: props.alarmTopicArn,
      runbookUrl: props.runbookUrl,
    });
  }

  #createFunction(props: BackgroundFunctionProps): LambdaFunction {
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    logGroup.grantWrite(this.role);
    const handler = new LambdaFunction(this, 'Function', {
      description: 'Runs responses in the background, segment by segment',
      // CDK's own grants have wildcards for actions.
      role: this.role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMb,
      timeout: Duration.seconds(limits.streamSeconds.max),
      durableConfig: {
        executionTimeout: Duration.hours(props.maxHours + props.maxWaitHours + MARGIN_HOURS),
        retentionPeriod: Duration.days(Math.min(props.responsesDays, MAX_HISTORY_DAYS)),
      },
      deadLetterQueue: this.failed,
      tracing: props.tracing ? Tracing.ACTIVE : Tracing.DISABLED,
      layers: [...props.layers],
      environment: { ...props.settings.environment },
      ...(props.concurrency !== undefined && { reservedConcurrentExecutions: props.concurrency }),
      ...(props.key !== undefined && { environmentEncryption: props.key }),
      code: functionCode(props.settings.file, 'background'),
      handler: 'index.handler',
      // An execution runs on the version that began it, however long it takes.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    const resource = handler.node.defaultChild;
    if (props.key !== undefined && resource instanceof CfnFunction) {
      resource.addPropertyOverride('DurableConfig.KMSKeyArn', props.key.keyArn);
    }
    this.failed.grantSendMessages(this.role);
    if (props.network !== undefined) putIntoNetwork(handler, props.network);
    if (props.tracing) {
      const reason = 'xray:PutTraceSegments and xray:PutTelemetryRecords do not support resources.';
      acknowledgeArn(this.role, 'IAM5', 'Resource', '*', reason);
    } else {
      Validations.of(handler).acknowledge({ id: 'Serverless-LambdaTracing', reason: NO_TRACING_REASON });
    }
    return handler;
  }

  /** An execution has the ARN of a version, whose number a later deployment changes. */
  #grantCheckpoints(): void {
    const executions = `${this.handler.functionArn}:*`;
    // A policy of its own: the function depends on that of its role.
    const policy = new Policy(this, 'Checkpoints', {
      roles: [this.role],
      statements: [new PolicyStatement({ actions: DURABLE_ACTIONS, resources: [executions] })],
    });
    acknowledgeArn(
      policy,
      'IAM5',
      'Resource',
      executions,
      'The ARN of an execution has the number of a version and an id, which exist at run time.',
    );
  }
}
