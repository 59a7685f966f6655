/**
 * Duration of a step of a copy (one token for each of its requests, and a chunk of prompts) as a linear function of the number of requests
 * and of the prompt tokens: a weighted linear regression that discounts older measurements. It tells a copy that is slow because it is
 * full from one that is slow because it prefills, and both from one that generates little because it has few requests.
 */
export interface SpeedFit {
  /** Weighted sums over the measurements: weights, requests per copy, seconds per step, squares and products. */
  readonly weight: number;
  readonly requests: number;
  readonly seconds: number;
  readonly requestsSquared: number;
  readonly product: number;
  /** Likewise of the prompt tokens per step. */
  readonly prompts: number;
  readonly promptsSquared: number;
  readonly promptsRequests: number;
  readonly promptsSeconds: number;
  /** Prefill speed of the profile, in tokens per second: the estimate stays within `MAX_DEVIATION` of it. */
  readonly profilePromptTokensPerSecond: number;
}

/** Discount of earlier measurements with each new one: about the last 300 count. */
const KEPT = 0.9967;

/** Weight of each profile point, in measurements: real measurements soon outweigh it. */
const PROFILE_WEIGHT = 10;

/** Factor by which a measured prefill speed may differ from that of the profile: a fit of few different measurements is uncertain. */
const MAX_DEVIATION = 4;

/** Prompt tokens of a step in the profile's third point. */
const PROFILE_CHUNK = 2_048;

/** Initial regression through points of a profile or a calibration, in seconds per step. */
export function speedOfProfile(
  stepWithOne: number,
  full: { readonly requests: number; readonly stepSeconds: number },
  promptTokensPerSecond: number,
): SpeedFit {
  const none: SpeedFit = {
    weight: 0,
    requests: 0,
    seconds: 0,
    requestsSquared: 0,
    product: 0,
    prompts: 0,
    promptsSquared: 0,
    promptsRequests: 0,
    promptsSeconds: 0,
    profilePromptTokensPerSecond: promptTokensPerSecond,
  };
  const chunk = { prompts: PROFILE_CHUNK, seconds: full.stepSeconds + PROFILE_CHUNK / promptTokensPerSecond };
  const points = [
    { requests: 1, prompts: 0, seconds: stepWithOne },
    { requests: full.requests, prompts: 0, seconds: full.stepSeconds },
    { requests: full.requests, ...chunk },
  ];
  return points.reduce<SpeedFit>((fit, point) => add(fit, point, PROFILE_WEIGHT), none);
}

/**
 * Updates the regression with one more measurement.
 *
 * @param measurement tokens that all copies generated, and prompt tokens that they prefilled, in how many copy-seconds, with how many
 *   requests per copy on average. Leave out measurements of copies whose requests queue: a queued request generates no tokens.
 */
export function learnSpeed(
  fit: SpeedFit,
  measurement: {
    readonly tokens: number;
    readonly promptTokens: number;
    readonly copySeconds: number;
    readonly requestsPerCopy: number;
  },
): SpeedFit {
  const { tokens, promptTokens, copySeconds, requestsPerCopy } = measurement;
  if (tokens <= 0 || copySeconds <= 0 || requestsPerCopy < 1) return fit;
  const faded = {
    ...fit,
    weight: fit.weight * KEPT,
    requests: fit.requests * KEPT,
    seconds: fit.seconds * KEPT,
    requestsSquared: fit.requestsSquared * KEPT,
    product: fit.product * KEPT,
    prompts: fit.prompts * KEPT,
    promptsSquared: fit.promptsSquared * KEPT,
    promptsRequests: fit.promptsRequests * KEPT,
    promptsSeconds: fit.promptsSeconds * KEPT,
  };
  const stepsPerToken = requestsPerCopy / tokens;
  return add(
    faded,
    { requests: requestsPerCopy, prompts: promptTokens * stepsPerToken, seconds: copySeconds * stepsPerToken },
    1,
  );
}

/** Decode throughput of a copy with this many requests (at least one), without prefills, in tokens per second. */
export function speedAt(fit: SpeedFit, requestsPerCopy: number): number {
  const requests = Math.max(1, requestsPerCopy);
  const { means, spread, covariance, covarianceSeconds } = momentsOf(fit);
  const perPrompt = 1 / promptSpeed(fit);
  // More requests never shorten a step; a negative slope is noise.
  const slope = spread > 1e-9 ? Math.max(0, (covarianceSeconds - perPrompt * covariance) / spread) : 0;
  const withoutPrompts = means.seconds - perPrompt * means.prompts;
  const seconds = withoutPrompts + slope * (requests - means.requests);
  return requests / Math.max(seconds, means.seconds / 100);
}

/** Prefill speed, without the decode of the steps that it shares, in tokens per second. */
export function promptSpeed(fit: SpeedFit): number {
  const { spread, covariance, covarianceSeconds, promptSpread, promptCovariance } = momentsOf(fit);
  const { profilePromptTokensPerSecond: profile } = fit;
  const determinant = spread * promptSpread - covariance ** 2;
  if (determinant <= 1e-9 * spread * promptSpread || promptSpread <= 1e-9) return profile;
  const perPrompt = (promptCovariance * spread - covarianceSeconds * covariance) / determinant;
  return 1 / Math.min(MAX_DEVIATION / profile, Math.max(1 / (profile * MAX_DEVIATION), perPrompt));
}

/** Means, variances and covariances of the weighted measurements. */
function momentsOf(fit: SpeedFit) {
  const { weight } = fit;
  const means = { requests: fit.requests / weight, seconds: fit.seconds / weight, prompts: fit.prompts / weight };
  return {
    means,
    spread: fit.requestsSquared / weight - means.requests ** 2,
    promptSpread: fit.promptsSquared / weight - means.prompts ** 2,
    covariance: fit.promptsRequests / weight - means.prompts * means.requests,
    covarianceSeconds: fit.product / weight - means.requests * means.seconds,
    promptCovariance: fit.promptsSeconds / weight - means.prompts * means.seconds,
  };
}

function add(
  fit: SpeedFit,
  { requests, prompts, seconds }: { readonly requests: number; readonly prompts: number; readonly seconds: number },
  weight: number,
): SpeedFit {
  return {
    ...fit,
    weight: fit.weight + weight,
    requests: fit.requests + weight * requests,
    seconds: fit.seconds + weight * seconds,
    requestsSquared: fit.requestsSquared + weight * requests * requests,
    product: fit.product + weight * requests * seconds,
    prompts: fit.prompts + weight * prompts,
    promptsSquared: fit.promptsSquared + weight * prompts * prompts,
    promptsRequests: fit.promptsRequests + weight * prompts * requests,
    promptsSeconds: fit.promptsSeconds + weight * prompts * seconds,
  };
}
