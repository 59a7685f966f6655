import type { ScalingMetricsLine } from '../lambda/scaling/scaling-metrics.ts';
import type { DeployedScaling } from '../lambda/settings/settings.ts';
import { CopyClocks } from './endpoint/copy-clock.ts';
import { CopyFleet } from './endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from './endpoint/local-auto-scaling.ts';

/** Copies with start times and limited capacity, as `npm start -- --copies 0..3` emulates them. */
export interface LocalCopies {
  readonly min: number;
  readonly max: number;
  /** Start time of a copy, in seconds. */
  readonly startSeconds: number;
  /** Concurrent requests of one copy. */
  readonly requestsPerCopy: number;
  /** Time between two tokens of a request, in milliseconds: the speed of a copy, independent of the machine. */
  readonly tokenMs: number;
  /** Prompt tokens that a copy computes per second, beside its other requests. */
  readonly promptSpeed: number;
  /** Prompt tokens of one step of a copy. One prompt fills at most half of it. */
  readonly promptChunk: number;
  /** Scale-in window, in seconds: copies are removed if fewer were enough for this long. */
  readonly scaleInSeconds: number;
  /** Longest wait of a request for the first copy, in seconds. 0 answers 503 immediately. */
  readonly waitSeconds: number;
  /** Which requests may shrink: those that ask for it, all that do not refuse it, or none. */
  readonly elastic: 'asked' | 'always' | 'never';
}

export const defaultLocalCopies: Omit<LocalCopies, 'min' | 'max'> = {
  startSeconds: 20,
  requestsPerCopy: 4,
  tokenMs: 20,
  promptSpeed: 20_000,
  promptChunk: 512,
  scaleInSeconds: 60,
  waitSeconds: 600,
  elastic: 'asked',
};

export interface EmulatedCopies {
  readonly fleet: CopyFleet;
  readonly autoScaling: LocalAutoScaling;
  readonly clocks: CopyClocks;
  /** Receives the scaling metrics, as CloudWatch extracts them from the log in production. */
  readonly emit: (line: ScalingMetricsLine) => void;
}

/** Tick interval, in seconds. Shorter than in production, because copies start faster. */
export const LOCAL_TICK_SECONDS = 2;

/** KV cache of a copy per concurrent request, as fraction of the context window. */
const CACHE_PART = 0.5;

export function emulateCopies(copies: LocalCopies): EmulatedCopies {
  const { min, max, startSeconds, requestsPerCopy, tokenMs, promptSpeed, promptChunk } = copies;
  const fleet = new CopyFleet({ copies: min, startSeconds, requestsPerCopy });
  const now = () => Date.now() / 1_000;
  const autoScaling = new LocalAutoScaling(
    fleet,
    { min, max, suspended: notSuspended },
    now,
    startSeconds + LOCAL_TICK_SECONDS,
  );
  const clocks = new CopyClocks({
    stepSeconds: tokenMs / 1_000,
    promptTokensPerSecond: promptSpeed,
    chunkTokens: promptChunk,
    longPromptTokens: Math.ceil(promptChunk / 2),
  });
  return { fleet, autoScaling, clocks, emit: (line) => autoScaling.observe(line) };
}

/** Scaling settings of the app for these copies. */
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
      // Copies cannot follow changes that are faster than their own start.
      smoothing_seconds: Math.max(1, copies.startSeconds),
      scale_in_after_seconds: copies.scaleInSeconds,
    },
  };
}

export const LOCAL_COMPONENT_NAME = 'local-component';
