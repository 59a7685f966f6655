import type { DeployedScaling } from '../../lambda/settings/settings.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { toArchitecture } from '../serving/architecture.ts';
import { gpuMemory } from '../serving/gpu-memory.ts';
import { copiesOf, type ModelProps } from './model-props.ts';

/** Share of the GPUs' memory bandwidth that decoding is assumed to reach until a copy is measured, as in `budgetforce plan`. */
export const DECODE_EFFICIENCY = 0.6;

/**
 * Assumed `--max-num-seqs` if it is not set: vLLM's default on its smaller GPUs. On larger GPUs vLLM allows more, but the KV
 * cache is full before that.
 */
const DEFAULT_SEQUENCES = 256;

/** Context of a typical request, in tokens, for the first estimate of a copy's speed. */
const TYPICAL_CONTEXT_TOKENS = 3_000;

/**
 * Estimates what a copy holds and how fast it decodes, for the function's settings.
 *
 * @param instanceType the preferred type
 * @returns `undefined` if the model does not scale by load, or if the capacity of its copies is unknown.
 */
export function deployedScalingOf(
  props: ModelProps,
  instanceType: string,
  componentName: string,
): DeployedScaling | undefined {
  const { scaling: { thinking } = {}, architecture, vllm = {} } = props;
  if (thinking === undefined || architecture === undefined) return undefined;
  const type = findInstanceType(instanceType);
  const memory = gpuMemory(toArchitecture(architecture), { ...vllm, weightBits: props.weightBits }, instanceType);
  if (type === undefined || memory === undefined || memory.cacheTokens <= 0) return undefined;
  const bandwidth = type.gpuBandwidthGbs * 1e9 * DECODE_EFFICIENCY;
  const maxRequests = vllm.maxSequences ?? DEFAULT_SEQUENCES;
  const fullRequests = Math.min(maxRequests, memory.cacheTokens / TYPICAL_CONTEXT_TOKENS);
  const stepSeconds = memory.weights / bandwidth;
  const cacheBytes = fullRequests * TYPICAL_CONTEXT_TOKENS * memory.cachePerToken;
  const { min, max } = copiesOf(props);
  return {
    componentName,
    modelId: props.id,
    minCopies: min,
    maxCopies: max,
    copiesPerInstance: Math.max(1, Math.floor(type.gpus / (vllm.tensorParallel ?? 1))),
    cacheTokens: memory.cacheTokens,
    maxRequests,
    stepSeconds: toMicroseconds(stepSeconds),
    fullRequests: Math.round(fullRequests),
    fullStepSeconds: toMicroseconds(stepSeconds + cacheBytes / bandwidth),
    startSeconds: thinking.startSeconds ?? 600,
    elastic: thinking.elastic ?? 'asked',
    ...(thinking.policy === undefined ? {} : { policy: thinking.policy }),
  };
}

/** Rounds to whole microseconds, which keeps the function's variables short. */
function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
