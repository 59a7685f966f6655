/**
 * The metrics of scaling, as the function writes them and Application Auto Scaling reads them: names, dimensions and namespace are
 * here and nowhere else.
 */

/** The namespace of all metrics that the function writes into its log (embedded metric format). */
export const METRIC_NAMESPACE = 'Budgetforce';

export interface MetricOwner {
  readonly endpointName: string;
  readonly modelId: string;
}

/** The dimensions of a metric. */
export function metricDimensions({ endpointName, modelId }: MetricOwner) {
  return { Endpoint: endpointName, Model: modelId } as const;
}

export interface ScalingMetrics {
  /** Tokens that the requests of one copy may still use. */
  readonly CommittedTokensPerCopy: number;
  /** Copies to add to those that run or start, and to take away. The step policies look at these. */
  readonly MissingCopies: number;
  readonly SpareCopies: number;
  readonly WantedCopies: number;
  readonly RunningCopies: number;
}

/**
 * A log line that CloudWatch turns into metrics of one second's resolution.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function scalingMetricsLine(owner: MetricOwner, metrics: ScalingMetrics, unixMs: number) {
  const dimensions = metricDimensions(owner);
  return {
    _aws: {
      Timestamp: unixMs,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: Object.keys(metrics).map((name) => ({
            Name: name,
            ...(name === 'CommittedTokensPerCopy' ? {} : { Unit: 'Count' }),
            StorageResolution: 1,
          })),
        },
      ],
    },
    ...dimensions,
    ...metrics,
  };
}
export type ScalingMetricsLine = ReturnType<typeof scalingMetricsLine>;
