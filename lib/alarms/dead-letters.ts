import { Duration, Validations } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { notifyTopic } from './notify-topic.ts';

/** Days for which SQS keeps a message: its maximum. */
const KEPT_DAYS = 14;

/**
 * Creates the dead-letter queue of a construct. Keys of SQS encrypt it: its messages name what failed, and have no content.
 *
 * @param rules rules of the template checkers about redrive, which a queue at the end of the way breaks
 */
export function createDeadLetterQueue(scope: Construct, rules: readonly string[] = []): Queue {
  const failed = new Queue(scope, 'Failed', {
    encryption: QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    retentionPeriod: Duration.days(KEPT_DAYS),
  });
  for (const id of ['Serverless-SQSRedrivePolicy', ...rules]) {
    Validations.of(failed).acknowledge({ id, reason: 'It is the dead-letter queue itself.' });
  }
  return failed;
}

export interface DeadLetterAlarmProps {
  /** What a message in the queue means, as a sentence without its full stop. */
  readonly meaning: string;
  /** Section of the runbook. */
  readonly anchor: string;
  /** @default docs/runbook.md */
  readonly runbookUrl?: string | undefined;
  /** @default - no notification */
  readonly alarmTopicArn?: string | undefined;
}

/** Creates the alarm of a construct that rings as long as its dead-letter queue has messages. */
export function alarmOnDeadLetters(scope: Construct, failed: Queue, props: DeadLetterAlarmProps): Alarm {
  const alarm = new Alarm(scope, 'Alarm', {
    alarmDescription: `${props.meaning}. Runbook: ${props.runbookUrl ?? 'docs/runbook.md'}#${props.anchor}`,
    metric: failed.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(5), statistic: 'Maximum' }),
    threshold: 0,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  notifyTopic(scope, alarm, props.alarmTopicArn);
  return alarm;
}
