import { Arn, ArnFormat, Duration, Stack, Validations } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { Effect, type IRole, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { TICK_EVENT } from '../../lambda/aws/tick-event.ts';
import { acknowledgeArn } from '../checks/acknowledge.ts';
import type { OfferedModel } from '../endpoint/offered-model.ts';

/** Allows a function to read and change the copies of models, and invokes it every minute to update the scaling metrics. */
export class ScalingAccess extends Construct {
  constructor(scope: Construct, id: string, handler: IFunction, role: IRole, models: readonly OfferedModel[]) {
    super(scope, id);
    const stack = Stack.of(this);
    const components = [...new Set(models.flatMap(({ deployedScaling }) => deployedScaling?.componentName ?? []))];
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
    // Application Auto Scaling generates the ids of its targets, so the condition limits the kind of target instead.
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
      'AWS generates the id in a target’s ARN; the condition allows only the copies of inference components.';
    acknowledgeArn(role, 'IAM5', 'Resource', targets, reason);
    acknowledgeArn(
      role,
      'IAM5',
      'Resource',
      '*',
      'Describe calls of Application Auto Scaling do not support resources.',
    );
    const rule = new Rule(this, 'EachMinute', {
      description: 'The reasoning API looks at its load although nobody asks, so that the metrics of scaling fall to 0',
      schedule: Schedule.rate(Duration.minutes(1)),
      targets: [new LambdaFunction(handler, { event: RuleTargetInput.fromObject(TICK_EVENT), retryAttempts: 0 })],
    });
    Validations.of(rule).acknowledge({
      id: 'Serverless-EventBusDLQ',
      reason: 'A missed event needs no replay, because the next one follows a minute later.',
    });
  }
}

/** Lets a function see the copies of models and wake the first one. */
export function grantWake(role: Role, models: readonly OfferedModel[]): void {
  const components = [...new Set(models.flatMap(({ deployedScaling }) => deployedScaling?.componentName ?? []))];
  role.addToPrincipalPolicy(
    new PolicyStatement({
      actions: ['sagemaker:DescribeInferenceComponent', 'sagemaker:UpdateInferenceComponentRuntimeConfig'],
      resources: components.map((resourceName) =>
        Arn.format({ service: 'sagemaker', resource: 'inference-component', resourceName }, Stack.of(role)),
      ),
    }),
  );
}
