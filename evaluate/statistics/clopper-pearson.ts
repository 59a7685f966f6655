/**
 * Upper end of the one-sided exact 95 % interval of a share: the share at which so few events, or fewer, come in 5 % of all samples.
 *
 * Source: Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404.
 *
 * @param events 0 to `count`
 * @param count number of independent trials, 1 or more
 * @returns 0 to 1
 */
export function upperBound95(events: number, count: number): number {
  if (events >= count) return 1;
  let [low, high] = [events / count, 1];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (binomialTail(events, count, middle) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/** Number of independent trials without an event that bounds its share by `share` with 95 % certainty. */
export function leastTrials(share: number): number {
  return Math.ceil(Math.log(0.05) / Math.log1p(-share));
}

/** P(X ≤ events) of the binomial distribution. `share` is above 0 and below 1. */
function binomialTail(events: number, count: number, share: number): number {
  // The logarithm, since the first term may be 0 in floating point.
  let logTerm = count * Math.log1p(-share);
  const logOdds = Math.log(share) - Math.log1p(-share);
  let tail = 0;
  for (let k = 0; k <= events; k++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((count - k) / (k + 1)) + logOdds;
  }
  return tail;
}
