import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

/** Notifies an SNS topic if an alarm of a construct rings, and when it is over. Without an ARN, the alarm is visible in the console alone. */
export function notifyTopic(scope: Construct, alarm: Alarm, topicArn: string | undefined): void {
  if (topicArn === undefined) return;
  const action = new SnsAction(Topic.fromTopicArn(scope, 'Topic', topicArn));
  alarm.addAlarmAction(action);
  alarm.addOkAction(action);
}
