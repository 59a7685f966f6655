import type { ScalingMetricsLine } from '../lambda/scaling/scaling-metrics.ts';
import type { DeployedScaling } from '../lambda/settings/settings.ts';
import { CopyFleet } from './endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from './endpoint/local-auto-scaling.ts';

/** An endpoint whose copies take time, as `npm start -- --copies 0..3` plays it. */
export interface LocalCopies {
  readonly min: number;
  readonly max: number;
  /** How long a copy takes to start. Seconds. */
  readonly startSeconds: number;
  /** Requests that one copy runs at once. */
  readonly requestsPerCopy: number;
  /** Between two tokens of a request. Milliseconds: a copy is as fast as that, however fast this machine is. */
  readonly tokenMs: number;
  /** Copies go after fewer were enough for so long. Seconds. */
  readonly scaleInSeconds: number;
  /** How long a request waits for the first copy. Seconds; 0: 503 at once. */
  readonly waitSeconds: number;
  /** Whose thinking may shrink. */
  readonly elastic: 'asked' | 'always' | 'never';
}

export const defaultLocalCopies: Omit<LocalCopies, 'min' | 'max'> = {
  startSeconds: 20,
  requestsPerCopy: 4,
  tokenMs: 20,
  scaleInSeconds: 60,
  waitSeconds: 600,
  elastic: 'asked',
};

export interface PlayedCopies {
  readonly fleet: CopyFleet;
  readonly autoScaling: LocalAutoScaling;
  /** Takes the metrics of scaling, as CloudWatch takes them from the log. */
  readonly emit: (line: ScalingMetricsLine) => void;
}

/** How often the load is looked at here. Seconds: starts are shorter than in production, so looks are closer. */
export const LOCAL_TICK_SECONDS = 2;

/** The part of the window that a copy has room for, for each of its requests. */
const CACHE_PART = 0.5;

export function playCopies({ min, max, startSeconds, requestsPerCopy }: LocalCopies): PlayedCopies {
  const fleet = new CopyFleet({ copies: min, startSeconds, requestsPerCopy });
  const now = () => Date.now() / 1_000;
  const autoScaling = new LocalAutoScaling(
    fleet,
    { min, max, suspended: notSuspended },
    now,
    startSeconds + LOCAL_TICK_SECONDS,
  );
  return { fleet, autoScaling, emit: (line) => autoScaling.observe(line) };
}

/** What the app has to know of these copies. */
export function scalingOf(copies: LocalCopies, modelId: string, contextTokens: number): DeployedScaling {
  const stepSeconds = copies.tokenMs / 1_000;
  return {
    componentName: LOCAL_COMPONENT_NAME,
    modelId,
    minCopies: copies.min,
    maxCopies: copies.max,
    copiesPerInstance: 1,
    cacheTokens: Math.floor(copies.requestsPerCopy * contextTokens * CACHE_PART),
    maxRequests: copies.requestsPerCopy,
    stepSeconds,
    fullRequests: copies.requestsPerCopy,
    fullStepSeconds: stepSeconds,
    startSeconds: copies.startSeconds,
    elastic: copies.elastic,
    policy: {
      // What changes faster than a copy starts cannot be followed by starting copies.
      smoothing_seconds: Math.max(1, copies.startSeconds),
      scale_in_after_seconds: copies.scaleInSeconds,
    },
  };
}

export const LOCAL_COMPONENT_NAME = 'local-component';
