import { METRIC_NAMESPACE } from '../scaling/scaling-metrics.ts';
import type { ModelSettings } from '../settings/settings.ts';
import { upstreamName } from '../upstream/registry.ts';

/** The metrics of one generation, by their names in CloudWatch. A value that is `undefined` is not published. */
export interface RequestMetrics {
  /** Requested maximum of the thinking, or the model's default. */
  readonly WantedThinkingTokens: number;
  /** Maximum in force: lower than wanted if the context window, the key or the load shrank it. */
  readonly GrantedThinkingTokens: number;
  readonly UsedThinkingTokens?: number | undefined;
  /** Appended tokens: "Wait"s and delimiters. */
  readonly ForcedTokens?: number | undefined;
  /** Time to the first text of thinking or answer, in milliseconds. */
  readonly TimeToFirstToken?: number | undefined;
  /** Time to the first text of the answer, in milliseconds. */
  readonly TimeToAnswer?: number | undefined;
  /** 1 if the load cut the thinking, else 0. */
  readonly LoadCuts?: number | undefined;
  /** 1 if the generation failed, else 0; the average is the failure rate. */
  readonly Failures: number;
}

const units = {
  WantedThinkingTokens: 'Count',
  GrantedThinkingTokens: 'Count',
  UsedThinkingTokens: 'Count',
  ForcedTokens: 'Count',
  TimeToFirstToken: 'Milliseconds',
  TimeToAnswer: 'Milliseconds',
  LoadCuts: 'Count',
  Failures: 'Count',
} as const satisfies Record<keyof RequestMetrics, string>;

/**
 * Members to spread into the log line of a generation. CloudWatch extracts metrics from a line with `_aws` (embedded metric
 * format), so publishing them needs no API call. docs/decisions/0011-own-embedded-metrics.md says why no library writes them.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param unixTime in seconds.
 */
export function requestMetrics(
  model: Pick<ModelSettings, 'id' | 'upstream'>,
  metrics: RequestMetrics,
  unixTime: number,
): Readonly<Record<string, unknown>> {
  const dimensions = { Endpoint: upstreamName(model.upstream), Model: model.id };
  // CloudWatch rejects a line that names a metric without a value.
  const known = Object.entries(units).filter(([name]) => metrics[name as keyof RequestMetrics] !== undefined);
  return {
    _aws: {
      Timestamp: unixTime * 1_000,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: known.map(([Name, Unit]) => ({ Name, Unit })),
        },
      ],
    },
    ...dimensions,
    ...metrics,
  };
}
