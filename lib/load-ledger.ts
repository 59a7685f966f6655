import { Arn, ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { TICK_EVENT } from '../lambda/scaling/tick-event.ts';
import { acknowledgeArn } from './acknowledge.ts';
import type { OfferedModel } from './offered-model.ts';

/** Where functions tell each other of their requests, and what one of them needs to see and change copies. */
export class LoadLedger extends Construct {
  readonly table: TableV2;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      timeToLiveAttribute: 'ttl',
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      // Requests under way and what was learned of their speed: both are known again within minutes.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(this.table).acknowledge({
      id: 'AwsSolutions-DDB3',
      reason: 'It holds requests under way, for minutes: a backup would hold nothing that anybody could go back to.',
    });
  }

  /** Lets a function keep the ledger, and see and change the copies of these models; and has it look once a minute. */
  serve(handler: IFunction, role: IRole, models: readonly OfferedModel[]): void {
    const stack = Stack.of(this);
    this.table.grant(handler, 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:Query');
    const components = [...new Set(models.flatMap(({ load }) => load?.componentName ?? []))];
    const targets = Arn.format(
      {
        service: 'application-autoscaling',
        resource: 'scalable-target',
        resourceName: '*',
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      },
      stack,
    );
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:UpdateInferenceComponentRuntimeConfig'],
        resources: components.map((resourceName) =>
          Arn.format({ service: 'sagemaker', resource: 'inference-component', resourceName }, stack),
        ),
      }),
    );
    // Application Auto Scaling's own names of its targets are not known before they are there, so the kind of target limits this.
    role.addToPrincipalPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: [
          'application-autoscaling:RegisterScalableTarget',
          'application-autoscaling:PutScheduledAction',
          'application-autoscaling:DeleteScheduledAction',
        ],
        resources: [targets],
        conditions: {
          StringEquals: {
            'application-autoscaling:service-namespace': 'sagemaker',
            'application-autoscaling:scalable-dimension': 'sagemaker:inference-component:DesiredCopyCount',
          },
        },
      }),
    );
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: [
          'application-autoscaling:DescribeScalableTargets',
          'application-autoscaling:DescribeScheduledActions',
        ],
        resources: ['*'],
      }),
    );
    const reason =
      'A target’s ARN has an id that AWS makes; the condition keeps to the copies of inference components.';
    acknowledgeArn(role, 'IAM5', 'Resource', targets, reason);
    acknowledgeArn(role, 'IAM5', 'Resource', '*', 'Describe calls of Application Auto Scaling know no resources.');
    new Rule(this, 'EachMinute', {
      description: 'The reasoning API looks at its load although nobody asks, so that the metrics of scaling fall to 0',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(handler, { event: RuleTargetInput.fromObject(TICK_EVENT), retryAttempts: 0 })],
    });
  }
}
