import { METRIC_NAMESPACE } from '../scaling/scaling-metrics.ts';
import type { ModelSettings } from '../settings/settings.ts';

/**
 * The metrics of one generation as members of its log line: CloudWatch makes metrics of a line that has `_aws` (embedded metric
 * format), so no call is made and nothing is waited for.
 *
 * Why not a library: docs/decisions/0011-own-embedded-metrics.md.
 */
export interface RequestMetrics {
  /** The most thinking that was asked for, or the model's default. */
  readonly WantedThinkingTokens: number;
  /** The most that was allowed: less than wanted where the window, the key or the load made it shrink. */
  readonly GrantedThinkingTokens: number;
  readonly UsedThinkingTokens?: number | undefined;
  /** Appended by us: waits and delimiters. */
  readonly ForcedTokens?: number | undefined;
  /** Until the first text of thought or answer. Milliseconds. */
  readonly TimeToFirstToken?: number | undefined;
  /** Until the first text of the answer. Milliseconds. */
  readonly TimeToAnswer?: number | undefined;
  /** 1 where the load ended the thought under way, else 0. */
  readonly LoadCuts?: number | undefined;
  /** 1 where the generation failed, else 0: their average is the share that fails. */
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
 * What makes metrics of a log line, to be spread into it.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param unixTime seconds
 */
export function requestMetrics(
  model: Pick<ModelSettings, 'id' | 'backend'>,
  metrics: RequestMetrics,
  unixTime: number,
): Readonly<Record<string, unknown>> {
  const dimensions = { Endpoint: endpointOf(model.backend), Model: model.id };
  // A metric that is named without a value would make CloudWatch complain about the whole line.
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

function endpointOf(backend: ModelSettings['backend']): string {
  return backend.kind === 'sagemaker' ? backend.endpointName : new URL(backend.baseUrl).host;
}
