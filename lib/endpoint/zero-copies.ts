import type { ZeroCopiesSettings } from '../../lambda/settings/settings.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { defaultPrices } from '../facts/prices.ts';
import { coldStart } from '../serving/cold-start.ts';
import { decodeSpeed, USUAL_CONTEXT_TOKENS } from '../serving/decode-speed.ts';
import { gpuMemory, storedWeightBytes } from '../serving/gpu-memory.ts';
import type { ServedWeights } from '../serving/served-weights.ts';
import { copyRangeOf, type ModelProps, servedContextTokens } from './model-props.ts';

/** Requests in flight per copy at which target tracking adds copies, if none are set. */
const DEFAULT_REQUESTS_PER_COPY = 8;

/** Whether a model may have no copy: always, or from a scheduled time. */
function mayBeAtZero(props: Pick<ModelProps, 'copies' | 'scaling'>): boolean {
  return copyRangeOf(props).min === 0;
}

/** Estimates the time from a request that finds no copy until the copy takes requests, in seconds. `undefined` without an architecture. */
export function coldStartSeconds(props: ModelProps, { shape, settings }: ServedWeights): number | undefined {
  if (shape === undefined) return undefined;
  const weightBytes = storedWeightBytes(shape, settings);
  const { seconds } = coldStart({ id: props.id, source: props.source.kind, weightBytes }, defaultPrices.assumptions);
  return Math.ceil(seconds);
}

/**
 * Returns what the function needs to know about a model that may be at zero copies: the component to report on, and how long
 * its first copy is expected to take.
 *
 * @param instanceType the preferred type
 * @returns `undefined` if the model always has a copy
 */
export function zeroCopiesOf(
  props: ModelProps,
  served: ServedWeights,
  instanceType: string,
  componentName: string,
): ZeroCopiesSettings | undefined {
  if (!mayBeAtZero(props)) return undefined;
  const startSeconds = coldStartSeconds(props, served);
  const secondsPerToken = secondsPerTokenOf(props, served, instanceType);
  return {
    componentName,
    modelId: props.id,
    ...(startSeconds !== undefined && { startSeconds }),
    ...(secondsPerToken !== undefined && { secondsPerToken }),
  };
}

/** Decode time of one token on a copy with as many requests as scaling aims at: several requests wait for the same copy. */
function secondsPerTokenOf(
  props: ModelProps,
  { shape, settings }: ServedWeights,
  instanceType: string,
): number | undefined {
  const type = findInstanceType(instanceType);
  const memory = shape && gpuMemory(shape, settings, instanceType);
  if (type === undefined || memory === undefined) return undefined;
  const { stepSeconds } = decodeSpeed(memory, type, {
    requests: props.requestsPerCopy ?? DEFAULT_REQUESTS_PER_COPY,
    contextTokens: Math.min(USUAL_CONTEXT_TOKENS, servedContextTokens(props)),
    efficiency: defaultPrices.assumptions.decodeEfficiency,
  });
  return Math.round(stepSeconds * 1e6) / 1e6;
}
