import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  GraphWidget,
  type IMetric,
  type IWidget,
  MathExpression,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { thinkingBands } from '../../lambda/feedback/good-answers-metric.ts';
import type { BudgetMetric } from '../facts/metrics.ts';
import type { MonitoredExternalModel, MonitoredModel, MonitoringProps } from './monitoring-props.ts';

/** Rows of the dashboard from top to bottom: alarms, requests and cost; for each model its thinking and its copies. */
export function dashboardRows(props: MonitoringProps, alarms: readonly Alarm[]): readonly (readonly IWidget[])[] {
  const { restApi, handler, models, externalModels = [] } = props;
  const minute = { period: Duration.minutes(1) };
  return [
    ...(alarms.length === 0
      ? []
      : [[new AlarmStatusWidget({ title: 'Alarms', width: 24, height: 3, alarms: [...alarms] })]]),
    [
      graph('Requests a minute', [restApi.metricCount({ ...minute, label: 'requests' })], {
        right: [
          restApi.metricClientError({ ...minute, label: '4xx' }),
          restApi.metricServerError({ ...minute, label: '5xx' }),
        ],
      }),
      graph('Function', [
        handler.metric('ConcurrentExecutions', { ...minute, statistic: Stats.MAXIMUM, label: 'requests in flight' }),
        handler.metricThrottles({ ...minute, label: 'throttled' }),
        handler.metricErrors({ ...minute, label: 'errors' }),
      ]),
      ...(models.length === 0 ? [] : [costGraph(props)]),
    ],
    ...models.map(({ model }) => thinkingRow(model)),
    ...externalModels.map(thinkingRow),
    ...(props.feedback === true ? [...models.map(({ model }) => model), ...externalModels].map(feedbackRow) : []),
    ...models.map(copiesRow),
    ...(models.length === 0 ? [] : [[new TextWidget({ width: 24, height: 4, markdown: cacheNote(models) })]]),
  ];
}

function thinkingRow(model: MonitoredExternalModel): readonly IWidget[] {
  const metric = (name: BudgetMetric, label: string, statistic: string) =>
    model.metric(name).with({ label, statistic });
  const percentiles = (name: BudgetMetric) =>
    [50, 90, 99].map((percentile) => metric(name, `p${percentile}`, Stats.p(percentile)));
  return [
    graph(`${model.id}: thinking tokens a minute`, [
      metric('WantedThinkingTokens', 'wanted', Stats.SUM),
      metric('GrantedThinkingTokens', 'granted', Stats.SUM),
      metric('UsedThinkingTokens', 'used', Stats.SUM),
      metric('ForcedTokens', 'forced', Stats.SUM),
    ]),
    graph(`${model.id}: milliseconds to first token`, percentiles('TimeToFirstToken')),
    graph(`${model.id}: milliseconds to answer`, percentiles('TimeToAnswer')),
  ];
}

/** Shares of good answers by hour: of all judged answers, and of each band of thinking tokens. */
function feedbackRow(model: MonitoredExternalModel): readonly IWidget[] {
  const hour = { period: Duration.hours(1) };
  const judged = model.metric('GoodAnswers').with({ ...hour, statistic: Stats.SAMPLE_COUNT, label: 'judged answers' });
  const good = model.metric('GoodAnswers').with({ ...hour, statistic: Stats.AVERAGE });
  const bands = thinkingBands.map((band) =>
    good.with({ label: `${band} tokens`, dimensionsMap: { ...good.dimensions, Thinking: band } }),
  );
  return [
    graph(`${model.id}: share of good answers`, [good.with({ label: 'good' })], { right: [judged] }),
    graph(`${model.id}: share of good answers, by thinking tokens`, bands),
  ];
}

function copiesRow({ model }: MonitoredModel): readonly IWidget[] {
  return [
    graph(`${model.id}: copies`, [model.metricCopies().with({ label: 'copies' })], {
      right: [model.metricNoCapacity().with({ label: 'calls without a copy' })],
    }),
    graph(`${model.id}: GPUs in percent`, [
      model.metricGpuUtilization().with({ label: 'computing' }),
      model.metricGpuMemory().with({ label: 'memory' }),
    ]),
    graph(
      `${model.id}: committed tokens a copy`,
      [model.metric('CommittedTokensPerCopy').with({ label: 'may still be used' })],
      { right: [model.metric('LoadCuts').with({ label: 'thoughts cut by the load' })] },
    ),
  ];
}

/** Estimates the cost from the instances that the copies need. SageMaker's own count follows some minutes later. */
function costGraph({ models, gpusPerInstance, dollarsPerInstanceHour }: MonitoringProps): IWidget {
  if (dollarsPerInstanceHour === undefined) {
    const markdown = 'No price of this instance type is known: write `watching.dollarsPerInstanceHour`.';
    return new TextWidget({ width: 8, height: 6, markdown });
  }
  const gpus = models.map(({ gpusPerCopy }, index) => `FILL(copies${index}, 0) * ${gpusPerCopy}`).join(' + ');
  const dollars = new MathExpression({
    label: 'dollars an hour (estimate)',
    expression: `CEIL((${gpus}) / ${gpusPerInstance}) * ${dollarsPerInstanceHour}`,
    usingMetrics: Object.fromEntries(models.map(({ model }, index) => [`copies${index}`, model.metricCopies()])),
    period: Duration.minutes(1),
  });
  return graph('Instances: dollars an hour (estimate)', [dollars]);
}

/**
 * Note on vLLM's own metrics, which reach CloudWatch as OpenTelemetry metrics, for which CDK has no widget. AWS's pages spell the
 * first one `vllm:kv_cache_usage_perc`, `vllm_kv_cache_usage_perc` and, by vLLM's older name, `vllm:gpu_cache_usage_perc`.
 *
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-detailed-observability-promql.html
 * @see https://docs.aws.amazon.com/sagemaker/latest/dg/inference-monitoring.html
 * @see https://aws.amazon.com/blogs/machine-learning/monitor-and-debug-generative-ai-inference-with-sagemaker-detailed-metrics-and-insights-dashboard-on-cloudwatch/
 */
function cacheNote(models: readonly MonitoredModel[]): string {
  const label = "'aws.sagemaker.inference_component.name'";
  const selector = `{${label}=~"${models.map(({ model }) => model.componentName).join('|')}"}`;
  return [
    '**KV cache and queue.** vLLM’s own metrics are OpenTelemetry’s: ask in CloudWatch’s Query Studio, in PromQL (and add the graph to a dashboard there).',
    `\`avg by (${label}) (vllm:kv_cache_usage_perc${selector})\`,`,
    `\`sum by (${label}) (vllm:num_requests_waiting${selector})\`.`,
    'Nothing found: try `vllm_…` for `vllm:…`. CloudWatch’s SageMaker AI Insights draws both.',
  ].join(' ');
}

function graph(title: string, left: readonly IMetric[], { right = [] }: { readonly right?: readonly IMetric[] } = {}) {
  return new GraphWidget({
    title,
    width: 8,
    height: 6,
    left: [...left],
    right: [...right],
    leftYAxis: { min: 0, showUnits: false },
    ...(right.length > 0 && { rightYAxis: { min: 0, showUnits: false } }),
  });
}
