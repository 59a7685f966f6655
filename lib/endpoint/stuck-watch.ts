import { Arn, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Metric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunctionResource, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnEndpoint, CfnInferenceComponent } from 'aws-cdk-lib/aws-sagemaker';
import { Construct } from 'constructs';
import { METRIC_NAMESPACE } from '../../lambda/scaling/scaling-metrics.ts';
import { STUCK_METRIC, stuckDimensions } from '../../lambda/watch/stuck-metric.ts';
import { notifyTopic } from '../alarms/notify-topic.ts';
import { ASSET_FOLDER, programAsset } from '../bundles/program-code.ts';
import { componentArnOf } from './component-names.ts';
import type { ReasoningEndpoint } from './reasoning-endpoint.ts';

export interface StuckWatchProps {
  readonly endpoint: ReasoningEndpoint;
  /**
   * Minutes after which a change that has not ended rings the alarm, at least 30.
   *
   * @default 60
   */
  readonly minutes?: number | undefined;
  /**
   * ARN of the SNS topic that is notified.
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
  readonly logRetention: RetentionDays;
}

/** A copy with a large model starts within half an hour. */
const DEFAULT_MINUTES = 60;
const EVERY_MINUTES = 10;

/**
 * An alarm for an endpoint or a component that hangs in creating, updating or deleting, where its instances are billed.
 * SageMaker has neither a metric nor an event for it, so a function looks every ten minutes. It exists before the endpoint, and is deleted after it.
 */
export class StuckWatch extends Construct {
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: StuckWatchProps) {
    super(scope, id);
    const { endpoint, minutes = DEFAULT_MINUTES } = props;
    this.#createFunction(endpoint, props.logRetention);
    this.alarm = new Alarm(this, 'Alarm', {
      alarmDescription: `The endpoint ${endpoint.endpointName} or one of its components is in creating, updating or deleting for more than ${minutes} minutes. Runbook: ${props.runbookUrl ?? 'docs/runbook.md'}#stuck`,
      metric: new Metric({
        namespace: METRIC_NAMESPACE,
        metricName: STUCK_METRIC,
        dimensionsMap: { ...stuckDimensions(endpoint.endpointName) },
        statistic: Stats.MAXIMUM,
        period: Duration.minutes(EVERY_MINUTES),
      }),
      threshold: minutes,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    notifyTopic(this, this.alarm, props.alarmTopicArn);
    for (const part of endpoint.node.findAll()) {
      if (part instanceof CfnEndpoint || part instanceof CfnInferenceComponent) part.node.addDependency(this);
    }
  }

  #createFunction(endpoint: ReasoningEndpoint, retention: RetentionDays): void {
    const logGroup = new LogGroup(this, 'Logs', { retention, removalPolicy: RemovalPolicy.DESTROY });
    const role = new Role(this, 'Role', {
      description: 'Looks whether an endpoint hangs, writes its logs',
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    logGroup.grantWrite(role);
    // Written as text, because a reference would make the endpoint exist before its watch.
    const arn = Arn.format(
      { service: 'sagemaker', resource: 'endpoint', resourceName: endpoint.endpointName },
      Stack.of(this),
    );
    const names = endpoint.models.map(({ componentName }) => componentName);
    role.addToPolicy(new PolicyStatement({ actions: ['sagemaker:DescribeEndpoint'], resources: [arn] }));
    role.addToPolicy(
      new PolicyStatement({
        actions: ['sagemaker:DescribeInferenceComponent'],
        resources: names.map((name) => componentArnOf(this, name)),
      }),
    );
    const handler = new LambdaFunctionResource(this, 'Function', {
      description: 'Measures for how long something of an endpoint has been in creating, updating or deleting',
      role,
      logGroup,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: 256,
      timeout: Duration.seconds(60),
      environment: { ENDPOINT_NAME: endpoint.endpointName, COMPONENT_NAMES: names.join(',') },
      code: Code.fromAsset(ASSET_FOLDER, programAsset('watch')),
      handler: 'index.handler',
    });
    const reasons = {
      'Serverless-LambdaDLQ': 'A missed look needs no replay, because the next one follows ten minutes later.',
      'Serverless-LambdaTracing': 'A look is two short calls, whose durations nobody needs.',
    };
    for (const [id, reason] of Object.entries(reasons)) Validations.of(handler).acknowledge({ id, reason });
    const rule = new Rule(this, 'Schedule', {
      description: 'Looks whether the endpoint or one of its components hangs',
      schedule: Schedule.rate(Duration.minutes(EVERY_MINUTES)),
      targets: [new LambdaFunction(handler, { retryAttempts: 0 })],
    });
    Validations.of(rule).acknowledge({ id: 'Serverless-EventBusDLQ', reason: reasons['Serverless-LambdaDLQ'] });
  }
}
