/**
 * A distribution of lengths by its quantiles: pairs of a probability and a length in tokens, both in ascending order. The first
 * probability is 0, the last one 1.
 */
export type Quantiles = readonly (readonly [probability: number, tokens: number])[];

/**
 * Length at a point of the distribution: between two quantiles, the logarithm of the length is interpolated linearly.
 *
 * @param point uniform from 0 to 1
 * @returns whole tokens, at least 1
 * @throws {RangeError} if the quantiles do not ascend from 0 to 1
 */
export function lengthAt(quantiles: Quantiles, point: number): number {
  const [first] = quantiles;
  if (first?.[0] !== 0 || quantiles.at(-1)?.[0] !== 1)
    throw new RangeError('Quantiles begin with the probability 0 and end with 1.');
  let fromP: number = first[0];
  let fromTokens = first[1];
  for (const [p, tokens] of quantiles) {
    if (p < fromP || tokens < fromTokens || fromTokens < 1)
      throw new RangeError(
        `Quantiles ascend, from 1 token on: ${tokens} tokens at ${p} follow ${fromTokens} at ${fromP}.`,
      );
    if (point <= p) {
      const part = p === fromP ? 1 : (point - fromP) / (p - fromP);
      return Math.max(1, Math.round(fromTokens * (tokens / fromTokens) ** part));
    }
    fromP = p;
    fromTokens = tokens;
  }
  return fromTokens;
}

/** Quantiles of a log-normal distribution, cut off at both ends. */
export function logNormalQuantiles(
  medianTokens: number,
  sigma: number,
  { min = 1, max }: { readonly min?: number; readonly max: number },
): Quantiles {
  const within = (tokens: number) => Math.min(max, Math.max(min, Math.round(tokens)));
  return [[0, min], ...NORMAL.map(([p, z]) => [p, within(medianTokens * Math.exp(sigma * z))] as const), [1, max]];
}

/** Quantiles of the standard normal distribution. */
const NORMAL = [
  [0.01, -2.326],
  [0.1, -1.282],
  [0.25, -0.674],
  [0.5, 0],
  [0.75, 0.674],
  [0.9, 1.282],
  [0.95, 1.645],
  [0.99, 2.326],
] as const;
