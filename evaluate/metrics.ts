import type { Result } from './results.ts';

/** Accuracy with a 95 % interval. Shares, 0 to 1. */
export interface Accuracy {
  readonly right: number;
  readonly of: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** The 97.5 % quantile of the normal distribution. */
const Z = 1.959964;

/** Wilson's score interval: it holds at 0 and 1, and for few questions. Source: Wilson 1927, doi:10.1080/01621459.1927.10502953 */
export function accuracyOf(right: number, of: number): Accuracy {
  if (of === 0) return { right, of, share: 0, low: 0, high: 1 };
  const share = right / of;
  const spread = Z * Math.sqrt((share * (1 - share)) / of + (Z * Z) / (4 * of * of));
  const scale = 1 + (Z * Z) / of;
  const middle = share + (Z * Z) / (2 * of);
  return {
    right,
    of,
    share,
    low: Math.max(0, (middle - spread) / scale),
    high: Math.min(1, (middle + spread) / scale),
  };
}

/** One run at one budget: a point of a curve. */
export interface Point {
  /** Mean thinking tokens. */
  readonly tokens: number;
  /** Accuracy, 0 to 1. */
  readonly accuracy: number;
}

/**
 * Control: the share of runs whose thinking tokens lie in [minimum, maximum]. 0 to 1.
 *
 * Source of the three: arXiv 2501.19393, section 3.2.
 */
export function control(
  runs: readonly { readonly tokens: number; readonly min: number; readonly max: number }[],
): number {
  if (runs.length === 0) return 1;
  return runs.filter(({ tokens, min, max }) => tokens >= min && tokens <= max).length / runs.length;
}

/** Scaling: the mean over all pairs a < b of the slope (f(b) − f(a)) / (b − a). Percentage points for each 1,000 thinking tokens. */
export function scaling(points: readonly Point[]): number | undefined {
  const slopes: number[] = [];
  for (const a of points) {
    for (const b of points) {
      if (a.tokens < b.tokens) slopes.push((b.accuracy - a.accuracy) / (b.tokens - a.tokens));
    }
  }
  if (slopes.length === 0) return undefined;
  return (slopes.reduce((sum, slope) => sum + slope, 0) / slopes.length) * 100 * 1_000;
}

/** Performance: the best accuracy of all runs. 0 to 1. */
export function performanceOf(points: readonly Point[]): number {
  return Math.max(0, ...points.map((point) => point.accuracy));
}

/** A majority vote over samples: the key that most of them give, of equals the one that came first. */
export function majority(
  samples: readonly Pick<Result, 'key' | 'correct'>[],
): Pick<Result, 'key' | 'correct'> | undefined {
  const counts = new Map<string, number>();
  for (const { key } of samples) if (key !== null) counts.set(key, (counts.get(key) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  return samples.find(({ key }) => key !== null && counts.get(key) === most);
}
