import { METRIC_NAMESPACE, metricDimensions } from '../scaling/scaling-metrics.ts';
import type { ModelSettings } from '../settings/settings.ts';
import { upstreamName } from '../upstream/registry.ts';

/** Upper bounds of the bands of thinking tokens, ascending. */
const BAND_ENDS = [0, 256, 1_024, 4_096, 16_384] as const;

/** The bands of thinking tokens over which answers are judged, in order. Values of the dimension `Thinking`. */
export const thinkingBands: readonly string[] = [
  ...BAND_ENDS.map((end, index) => (index === 0 ? '0' : `${(BAND_ENDS[index - 1] ?? 0) + 1}-${end}`)),
  `${BAND_ENDS.at(-1)}+`,
];

/** The band of an answer. */
export function bandOf(thinkingTokens: number): string {
  const index = BAND_ENDS.findIndex((end) => thinkingTokens <= end);
  return thinkingBands[index === -1 ? BAND_ENDS.length : index] ?? '';
}

/**
 * Members to spread into the log line of feedback. `GoodAnswers` is from 0 to 1, so its average is the share of good answers, and its
 * sample count the number of judged ones: over all answers of a model, and over those of a band of thinking tokens.
 *
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 *
 * @param unixTime in seconds
 */
export function goodAnswersMetric(
  model: Pick<ModelSettings, 'id' | 'upstream'>,
  { good, thinkingTokens }: { readonly good: number; readonly thinkingTokens: number | undefined },
  unixTime: number,
): Readonly<Record<string, unknown>> {
  const owner = metricDimensions({ endpointName: upstreamName(model.upstream), modelId: model.id });
  const names = Object.keys(owner);
  return {
    _aws: {
      Timestamp: unixTime * 1_000,
      CloudWatchMetrics: [
        {
          Namespace: METRIC_NAMESPACE,
          Dimensions: thinkingTokens === undefined ? [names] : [names, [...names, 'Thinking']],
          Metrics: [{ Name: 'GoodAnswers', Unit: 'None' }],
        },
      ],
    },
    ...owner,
    ...(thinkingTokens === undefined ? {} : { Thinking: bandOf(thinkingTokens) }),
    GoodAnswers: good,
  };
}
