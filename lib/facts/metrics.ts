import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import {
  METRIC_NAMESPACE,
  metricDimensions,
  type ScalingMetrics,
  type ZeroCopiesMetrics,
} from '../../lambda/scaling/scaling-metrics.ts';

/** Metrics that the function writes, with the dimensions `Endpoint` and `Model`. */
export type BudgetMetric =
  | keyof ScalingMetrics
  | keyof ZeroCopiesMetrics
  | 'WantedThinkingTokens'
  | 'GrantedThinkingTokens'
  | 'UsedThinkingTokens'
  | 'ForcedTokens'
  | 'TimeToFirstToken'
  | 'TimeToAnswer'
  | 'LoadCuts'
  | 'GoodAnswers'
  | 'Failures';

/** Builds a metric that the function writes. Times are in milliseconds. */
export function budgetMetric(
  metricName: BudgetMetric,
  owner: { readonly endpointName: string; readonly modelId: string },
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { ...metricDimensions(owner) },
    statistic: metricName === 'CommittedTokensPerCopy' ? Stats.AVERAGE : Stats.SUM,
    period: Duration.minutes(1),
    ...options,
  });
}

/** Builds a metric that SageMaker writes about an inference component. */
export function componentMetric(metricName: string, componentName: string, options: MetricOptions = {}): Metric {
  return new Metric({
    namespace: 'AWS/SageMaker',
    metricName,
    dimensionsMap: { InferenceComponentName: componentName },
    statistic: Stats.SUM,
    period: Duration.minutes(1),
    ...options,
  });
}

/**
 * Builds a metric of how much of its reserved GPUs and host memory a component uses, in percent.
 *
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html#cloudwatch-metrics-inference-component
 */
export function utilizationMetric(metricName: string, componentName: string, options: MetricOptions = {}): Metric {
  return new Metric({
    namespace: '/aws/sagemaker/InferenceComponents',
    metricName,
    dimensionsMap: { InferenceComponentName: componentName },
    statistic: Stats.AVERAGE,
    period: Duration.minutes(1),
    ...options,
  });
}
