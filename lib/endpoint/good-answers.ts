import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  MathExpression,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { BudgetMetric } from '../facts/metrics.ts';
import { goodAnswersAlarmName } from './component-names.ts';

/** When the share of good answers is too low. */
export interface GoodAnswers {
  /** Lowest share of good answers, in percent, above 0 up to 100. */
  readonly percent: number;
  /**
   * Fewest judged answers in `minutes`. With fewer, the alarm is silent.
   *
   * @default 20
   */
  readonly judged?: number | undefined;
  /**
   * Time over which the share is measured, in minutes, 5 to 1,440. Choose one that your clients judge enough answers in.
   *
   * @default 60
   */
  readonly minutes?: number | undefined;
}

/** Creates the alarm of a model, by the feedback that clients give: thumbs, right or wrong, and scores. */
export function createGoodAnswersAlarm(
  scope: Construct,
  model: { readonly id: string; readonly endpointName: string; readonly metric: (name: BudgetMetric) => Metric },
  { percent, judged = 20, minutes = 60 }: GoodAnswers,
): Alarm {
  const period = Duration.minutes(minutes);
  return new Alarm(scope, 'GoodAnswers', {
    alarmName: goodAnswersAlarmName(model.endpointName, model.id),
    alarmDescription: `Less than ${percent} % of the answers of ${model.id} that clients judged in ${minutes} minutes are good. Runbook: docs/runbook.md#good-answers`,
    metric: new MathExpression({
      label: 'good answers in percent',
      expression: `IF(judged >= ${judged}, 100 * good, 100)`,
      usingMetrics: {
        good: model.metric('GoodAnswers').with({ statistic: Stats.AVERAGE, period }),
        judged: model.metric('GoodAnswers').with({ statistic: Stats.SAMPLE_COUNT, period }),
      },
      period,
    }),
    threshold: percent,
    evaluationPeriods: 1,
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
