import { Duration } from 'aws-cdk-lib';
import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ILayerVersion } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import type { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { Construct } from 'constructs';
import { alarmOnDeadLetters, createDeadLetterQueue } from '../alarms/dead-letters.ts';
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
    // Messages have an empty event, and the name and message of an error.
    const failed = createDeadLetterQueue(this, ['AwsSolutions-SQS3']);
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
    this.alarm = alarmOnDeadLetters(this, failed, {
      meaning: 'A run of batches and webhooks failed, so batches may be late',
      anchor: 'batches',
      alarmTopicArn: props.alarmTopicArn,
      runbookUrl: props.runbookUrl,
    });
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
}
