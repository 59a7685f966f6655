/**
 * Duration of a decode step (one token for each request of a copy) as a function of the number of requests: a weighted linear
 * regression that discounts older measurements. It tells a copy that is slow because it is full from a copy that generates
 * little because it has few requests.
 */
export interface SpeedFit {
  /** Weighted sums over the measurements: weights, requests per copy, seconds per step, squares and products. */
  readonly weight: number;
  readonly requests: number;
  readonly seconds: number;
  readonly requestsSquared: number;
  readonly product: number;
}

/** Discount of earlier measurements with each new one: about the last 300 count. */
const KEPT = 0.9967;

/** Weight of each profile point, in measurements: real measurements soon outweigh it. */
const PROFILE_WEIGHT = 10;

/** Initial regression line through two points of a profile or a calibration, in seconds per step. */
export function speedOfProfile(
  stepWithOne: number,
  full: { readonly requests: number; readonly stepSeconds: number },
): SpeedFit {
  const none: SpeedFit = { weight: 0, requests: 0, seconds: 0, requestsSquared: 0, product: 0 };
  return add(add(none, 1, stepWithOne, PROFILE_WEIGHT), full.requests, full.stepSeconds, PROFILE_WEIGHT);
}

/**
 * Updates the regression with one more measurement.
 *
 * @param measurement tokens that all copies generated, in how many copy-seconds, with how many requests per copy on average.
 *   Leave out measurements of copies whose requests queue: a queued request generates no tokens.
 */
export function learnSpeed(
  fit: SpeedFit,
  measurement: { readonly tokens: number; readonly copySeconds: number; readonly requestsPerCopy: number },
): SpeedFit {
  const { tokens, copySeconds, requestsPerCopy } = measurement;
  if (tokens <= 0 || copySeconds <= 0 || requestsPerCopy < 1) return fit;
  const faded: SpeedFit = {
    weight: fit.weight * KEPT,
    requests: fit.requests * KEPT,
    seconds: fit.seconds * KEPT,
    requestsSquared: fit.requestsSquared * KEPT,
    product: fit.product * KEPT,
  };
  return add(faded, requestsPerCopy, (requestsPerCopy * copySeconds) / tokens, 1);
}

/** Throughput of a copy with this many requests (at least one), in tokens per second. */
export function speedAt(fit: SpeedFit, requestsPerCopy: number): number {
  const requests = Math.max(1, requestsPerCopy);
  const meanRequests = fit.requests / fit.weight;
  const meanSeconds = fit.seconds / fit.weight;
  const spread = fit.requestsSquared / fit.weight - meanRequests ** 2;
  // More requests never shorten a step; a negative slope is noise.
  const slope = spread > 1e-9 ? Math.max(0, (fit.product / fit.weight - meanRequests * meanSeconds) / spread) : 0;
  const seconds = meanSeconds + slope * (requests - meanRequests);
  return requests / Math.max(seconds, meanSeconds / 100);
}

function add(fit: SpeedFit, requests: number, seconds: number, weight: number): SpeedFit {
  return {
    weight: fit.weight + weight,
    requests: fit.requests + weight * requests,
    seconds: fit.seconds + weight * seconds,
    requestsSquared: fit.requestsSquared + weight * requests * requests,
    product: fit.product + weight * requests * seconds,
  };
}
