import { Duration, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILayerVersion } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { functionCode } from '../bundles/program-code.ts';
import { componentArnOf } from '../endpoint/component-names.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';
import { createFunction } from './api-function.ts';
import type { ReasoningApiProps, ResolvedApi } from './api-props.ts';
import type { FunctionSettings } from './split-settings.ts';

/** Time limit of a run, in minutes: Lambda's own. */
const TIMEOUT_MINUTES = 15;

/**
 * Function that runs batches and sends webhooks. EventBridge calls it each minute; what it does is in the table, so a run that fails or is
 * missed is made up for by the next one. Its event is then in a dead-letter queue, with an alarm.
 */
export class BatchFunction extends Construct {
  readonly handler: NodejsFunction;
  readonly alarm: Alarm;

  constructor(
    scope: Construct,
    id: string,
    props: ReasoningApiProps,
    resolved: ResolvedApi,
    settings: FunctionSettings,
    key: IKey | undefined,
    tokenizers: readonly ILayerVersion[],
  ) {
    super(scope, id);
    this.handler = createFunction(this, props, resolved, settings, key, tokenizers, {
      description: 'Runs batches and sends webhooks of the reasoning API',
      roleDescription: 'Batches and webhooks: invokes the endpoint as the API does, writes results, writes its logs',
      code: functionCode(settings.file, 'batches'),
      timeout: Duration.minutes(TIMEOUT_MINUTES),
      noDeadLetters: 'Failed events go to the queue of its destination, with their error.',
    });
    const failed = this.#createQueue();
    this.handler.configureAsyncInvoke({
      onFailure: new SqsDestination(failed),
      retryAttempts: 0,
      maxEventAge: Duration.minutes(1),
    });
    new Rule(this, 'EachMinute', {
      description: 'Takes up batches and webhooks of the reasoning API that are due',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(this.handler, { retryAttempts: 0, deadLetterQueue: failed })],
    });
    this.alarm = this.#createAlarm(props, failed);
  }

  /** Lets the function read the copies of models, and wake them. */
  grantCopies(models: readonly OfferedModel[]): void {
    const names = [...new Set(models.flatMap(({ deployedScaling }) => deployedScaling?.componentName ?? []))];
    if (names.length === 0) return;
    this.handler.addToRolePolicy(
      new PolicyStatement({
        actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:UpdateInferenceComponentRuntimeConfig'],
        resources: names.map((name) => componentArnOf(this, name)),
      }),
    );
  }

  #createQueue(): Queue {
    // Messages have an empty event, and the name and message of an error.
    const failed = new Queue(this, 'Failed', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    for (const id of ['Serverless-SQSRedrivePolicy', 'AwsSolutions-SQS3']) {
      Validations.of(failed).acknowledge({ id, reason: 'It is the dead-letter queue itself.' });
    }
    return failed;
  }

  #createAlarm({ alarmTopicArn, runbookUrl }: ReasoningApiProps, failed: Queue): Alarm {
    const alarm = new Alarm(this, 'Alarm', {
      alarmDescription: `A run of batches and webhooks failed, so batches may be late. Runbook: ${runbookUrl ?? 'docs/runbook.md'}#batches`,
      metric: failed.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5), statistic: 'Maximum' }),
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (alarmTopicArn !== undefined) {
      const action = new SnsAction(Topic.fromTopicArn(this, 'Topic', alarmTopicArn));
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
    return alarm;
  }
}
