import { METRIC_NAMESPACE } from '../scaling/scaling-metrics.ts';

/** Name of the metric: minutes since the oldest change of an endpoint or of one of its components began and did not end. */
export const STUCK_METRIC = 'MinutesInTransition';

/** Dimensions of the metric. */
export function stuckDimensions(endpointName: string) {
  return { Endpoint: endpointName } as const;
}

/** Something that is neither in service nor failed nor gone. */
export interface Transition {
  /** Name of the endpoint or component. */
  readonly name: string;
  /** SageMaker's status, for instance `Creating`. */
  readonly status: string;
  readonly minutes: number;
}

/**
 * A log line that CloudWatch converts to the metric, and that names what is in transition.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function stuckLine(endpointName: string, transitions: readonly Transition[], unixMs: number) {
  const dimensions = stuckDimensions(endpointName);
  return {
    _aws: {
      Timestamp: unixMs,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: [{ Name: STUCK_METRIC }],
        },
      ],
    },
    ...dimensions,
    [STUCK_METRIC]: Math.max(0, ...transitions.map(({ minutes }) => minutes)),
    transitions,
  };
}
