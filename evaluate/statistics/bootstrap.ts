import type { Interval } from './clusters.ts';

const RESAMPLES = 2_000;

/**
 * A 95 % interval of the ratio Σ numerator / Σ denominator by the bootstrap over questions: questions are drawn with replacement, all
 * answers of a question together. A mean is a ratio with counts as denominators. The same input gives the same interval.
 *
 * The quantiles are widened for few questions, as a bootstrap's interval for n questions is too narrow by the factor
 * √((n − 1) / n) and by the normal quantile in place of Student's.
 *
 * Sources: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13; Hesterberg 2015, doi:10.1080/00031305.2015.1089789
 * (the widened percentile interval).
 *
 * @param questions sums over the answers of each question
 * @returns `undefined` for fewer than two questions. `high` is infinite if resamples have no denominator.
 */
export function bootstrapRatio(
  questions: readonly { readonly numerator: number; readonly denominator: number }[],
  resamples: number = RESAMPLES,
): Interval | undefined {
  const n = questions.length;
  if (n < 2) return undefined;
  const random = generator(n);
  const ratios = Array.from({ length: resamples }, () => {
    let numerator = 0;
    let denominator = 0;
    for (let draw = 0; draw < n; draw++) {
      const drawn = questions[Math.floor(random() * n)];
      numerator += drawn?.numerator ?? 0;
      denominator += drawn?.denominator ?? 0;
    }
    return denominator === 0 ? Number.POSITIVE_INFINITY : numerator / denominator;
  }).sort((a, b) => a - b);
  const tail = widenedTail(n);
  return { low: quantile(ratios, tail), high: quantile(ratios, 1 - tail) };
}

/** The tail of the widened percentile interval: Φ(−t · √(n / (n − 1))), t the 97.5 % quantile of Student's t with n − 1 degrees. */
export function widenedTail(n: number): number {
  return normalTail(studentQuantile(n - 1) * Math.sqrt(n / (n - 1)));
}

/** Linear interpolation between order statistics. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low === high ? low : low + (high - low) * (at - Math.floor(at));
}

/** P(X > x) of the normal distribution: Numerical Recipes' erfc, relative error below 1.2e-7. */
function normalTail(x: number): number {
  const z = x / Math.SQRT2;
  const t = 1 / (1 + 0.5 * z);
  const coefficients = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
    0.17087277,
  ];
  const polynomial = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
  return 0.5 * t * Math.exp(-z * z + polynomial);
}

/** The 97.5 % quantile of Student's t by bisection of its distribution, which is an incomplete beta function for whole degrees. */
function studentQuantile(degrees: number): number {
  let [low, high] = [1.9, 13];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (studentTail(middle, degrees) > 0.025) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(T > t) for whole degrees of freedom. Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4. */
function studentTail(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const cosine = Math.cos(angle) ** 2;
  const odd = degrees % 2 === 1;
  let term = odd ? Math.cos(angle) : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= (cosine * (k - 1)) / k;
    sum += term;
  }
  const between = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return (1 - between) / 2;
}

/** Numbers in [0, 1) from a fixed seed: Steele and Vigna's splitmix in 32 bits. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
