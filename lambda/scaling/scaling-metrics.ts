/**
 * The scaling metrics that the function writes and Application Auto Scaling reads. This file is the only definition of their
 * names, dimensions and namespace.
 */

/** Namespace of all metrics that the function writes to its log (embedded metric format). */
export const METRIC_NAMESPACE = 'Budgetforce';

export interface MetricOwner {
  readonly endpointName: string;
  readonly modelId: string;
}

/** Dimensions of every metric. */
export function metricDimensions({ endpointName, modelId }: MetricOwner) {
  return { Endpoint: endpointName, Model: modelId } as const;
}

export interface ScalingMetrics {
  /** Tokens that the requests of one copy may still use. */
  readonly CommittedTokensPerCopy: number;
  /** Copies to add to those that run or start: input of the scale-out step policy. */
  readonly MissingCopies: number;
  /** Copies to remove: input of the scale-in step policy. */
  readonly SpareCopies: number;
  /** Desired copies. */
  readonly WantedCopies: number;
  readonly RunningCopies: number;
}

/** Written by models that scale to zero and not by load, while requests find no copy. */
export interface ZeroCopiesMetrics {
  /** Desired copies: running and starting. */
  readonly DesiredCopies: number;
}

/**
 * A log line that CloudWatch converts to high-resolution metrics (1 second).
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function scalingMetricsLine(owner: MetricOwner, metrics: ScalingMetrics, unixMs: number) {
  return { ...lineOf(owner, Object.keys(metrics), unixMs), ...metrics };
}
export type ScalingMetricsLine = ReturnType<typeof scalingMetricsLine>;

/** The same for the desired copies of a model that scales to zero, but not by load. */
export function desiredCopiesLine(owner: MetricOwner, desired: number, unixMs: number) {
  const metrics: ZeroCopiesMetrics = { DesiredCopies: desired };
  return { ...lineOf(owner, Object.keys(metrics), unixMs), ...metrics };
}
export type DesiredCopiesLine = ReturnType<typeof desiredCopiesLine>;

function lineOf(owner: MetricOwner, names: readonly string[], unixMs: number) {
  const dimensions = metricDimensions(owner);
  return {
    _aws: {
      Timestamp: unixMs,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: names.map((name) => ({
            Name: name,
            ...(name === 'CommittedTokensPerCopy' ? {} : { Unit: 'Count' }),
            StorageResolution: 1,
          })),
        },
      ],
    },
    ...dimensions,
  };
}
