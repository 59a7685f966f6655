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

/** How often they are written while requests run. Seconds: one data point for each period of the alarms. */
export const METRIC_SECONDS = 10;

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

/** A step policy on one of the metrics, with its alarm: what `lib` deploys and the local stand-in of Application Auto Scaling runs. */
export interface CopySteps {
  readonly name: 'missing-copies' | 'spare-copies';
  readonly metricName: 'MissingCopies' | 'SpareCopies';
  /** The alarm rings from this value on, for one period. */
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly cooldownSeconds: number;
  /** From the threshold up: so many copies more or less. */
  readonly steps: readonly { readonly from: number; readonly to?: number; readonly change: number }[];
}

/** Application Auto Scaling takes so many steps in one policy. https://docs.aws.amazon.com/general/latest/gr/as-app.html */
const MAX_STEPS = 20;

/** As many copies more as are missing, and as many fewer as are spare. */
export const copySteps: readonly CopySteps[] = [
  stepsFor('missing-copies', 'MissingCopies', 1),
  stepsFor('spare-copies', 'SpareCopies', -1),
];

function stepsFor(name: CopySteps['name'], metricName: CopySteps['metricName'], sign: 1 | -1): CopySteps {
  const steps = Array.from({ length: MAX_STEPS }, (_, index) => ({
    from: index,
    ...(index === MAX_STEPS - 1 ? {} : { to: index + 1 }),
    change: sign * (index + 1),
  }));
  return { name, metricName, threshold: 1, periodSeconds: METRIC_SECONDS, cooldownSeconds: 60, steps };
}

/** What a policy does about a value of its metric. 0: nothing. */
export function changeOf({ threshold, steps }: CopySteps, value: number): number {
  const over = value - threshold;
  return steps.find(({ from, to }) => over >= from && (to === undefined || over < to))?.change ?? 0;
}
