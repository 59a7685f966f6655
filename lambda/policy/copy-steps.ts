/** A step scaling policy and its alarm. `lib` deploys it; the local endpoint and the simulator apply the same steps. */
export interface CopySteps {
  readonly name: 'missing-copies' | 'spare-copies';
  /** The metric that the alarm evaluates. */
  readonly metricName: 'MissingCopies' | 'SpareCopies';
  /** The alarm fires if one data point is at or above this value. */
  readonly threshold: number;
  /** Period of the alarm, in seconds. */
  readonly periodSeconds: number;
  readonly cooldownSeconds: number;
  /** Copies to add for each interval of the metric, relative to the threshold. Negative removes copies. */
  readonly steps: readonly { readonly from: number; readonly to?: number; readonly change: number }[];
}

/** Interval between two data points while requests run, in seconds: one data point per alarm period. */
export const METRIC_SECONDS = 10;

/** Quota of step adjustments per policy. https://docs.aws.amazon.com/general/latest/gr/as-app.html */
const MAX_STEPS = 20;

/** Add as many copies as are missing, and remove as many as are spare. */
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

/** Copies that the policy adds for a value of its metric. Negative removes copies; 0 leaves the count unchanged. */
export function changeOf({ threshold, steps }: CopySteps, value: number): number {
  const over = value - threshold;
  return steps.find(({ from, to }) => over >= from && (to === undefined || over < to))?.change ?? 0;
}
