/**
 * How long a copy takes for a step that gives each of its requests one token, by how many requests it has: a straight line
 * through what was seen, the older the fainter. Where a copy is slow because it is full is told apart from where it gives little
 * because little is asked for.
 */
export interface SpeedFit {
  /** Sums over what was seen: of weights, requests on a copy, seconds of a step, squares and products. */
  readonly weight: number;
  readonly requests: number;
  readonly seconds: number;
  readonly requestsSquared: number;
  readonly product: number;
}

/** What one more look leaves of the weight of all before. About the last 300 looks count. */
const KEPT = 0.9967;

/** Weight of a profile's line, in looks: what is measured soon outweighs it. */
const PROFILE_WEIGHT = 10;

/** A line from two points of a profile or of a calibration, to begin with. Seconds of a step. */
export function speedOfProfile(
  stepWithOne: number,
  full: { readonly requests: number; readonly stepSeconds: number },
): SpeedFit {
  const none: SpeedFit = { weight: 0, requests: 0, seconds: 0, requestsSquared: 0, product: 0 };
  return add(add(none, 1, stepWithOne, PROFILE_WEIGHT), full.requests, full.stepSeconds, PROFILE_WEIGHT);
}

/**
 * The line after one more look.
 *
 * @param look what all copies gave, in how many copy-seconds, with how many requests on a copy on average. Looks at copies
 *   whose requests wait for a place are to be left out: who waits gets no token.
 */
export function learnSpeed(
  fit: SpeedFit,
  look: { readonly tokens: number; readonly copySeconds: number; readonly requestsPerCopy: number },
): SpeedFit {
  if (look.tokens <= 0 || look.copySeconds <= 0 || look.requestsPerCopy < 1) return fit;
  const faded: SpeedFit = {
    weight: fit.weight * KEPT,
    requests: fit.requests * KEPT,
    seconds: fit.seconds * KEPT,
    requestsSquared: fit.requestsSquared * KEPT,
    product: fit.product * KEPT,
  };
  return add(faded, look.requestsPerCopy, (look.requestsPerCopy * look.copySeconds) / look.tokens, 1);
}

/** Tokens a second of a copy with so many requests, at least one. */
export function speedAt(fit: SpeedFit, requestsPerCopy: number): number {
  const requests = Math.max(1, requestsPerCopy);
  const meanRequests = fit.requests / fit.weight;
  const meanSeconds = fit.seconds / fit.weight;
  const spread = fit.requestsSquared / fit.weight - meanRequests ** 2;
  // More requests never make a step shorter; noise may look so.
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
