import type { DeployedScaling } from '../../lambda/settings/settings.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { defaultPrices } from '../facts/prices.ts';
import { decodeSpeed, USUAL_CONTEXT_TOKENS } from '../serving/decode-speed.ts';
import { gpuMemory } from '../serving/gpu-memory.ts';
import type { ServedWeights } from '../serving/served-weights.ts';
import { DEFAULT_MAX_SEQUENCES } from '../serving/vllm-settings.ts';
import { copiesOf, type ModelProps, servedContextTokens } from './model-props.ts';
import { coldStartSeconds } from './zero-copies.ts';

/**
 * Estimates what a copy holds and how fast it decodes, for the function's settings.
 *
 * @param instanceType the preferred type
 * @returns `undefined` if the model does not scale by load, or if the capacity of its copies is unknown, which `checkModel`
 *   refuses.
 */
export function deployedScalingOf(
  props: ModelProps,
  { shape, settings }: ServedWeights,
  instanceType: string,
  componentName: string,
): DeployedScaling | undefined {
  const { thinking } = props.scaling ?? {};
  if (thinking === undefined) return undefined;
  const type = findInstanceType(instanceType);
  const memory = shape && gpuMemory(shape, settings, instanceType);
  if (type === undefined || memory === undefined || memory.cacheTokens <= 0) return undefined;
  const contextTokens = Math.min(USUAL_CONTEXT_TOKENS, servedContextTokens(props));
  const maxRequests = settings.maxSequences ?? DEFAULT_MAX_SEQUENCES;
  const fullRequests = Math.max(1, Math.min(maxRequests, Math.round(memory.cacheTokens / contextTokens)));
  const stepSecondsWith = (requests: number): number =>
    decodeSpeed(memory, type, { requests, contextTokens, efficiency: defaultPrices.assumptions.decodeEfficiency })
      .stepSeconds;
  const { min, max } = copiesOf(props);
  return {
    componentName,
    modelId: props.id,
    minCopies: min,
    maxCopies: max,
    copiesPerInstance: Math.max(1, Math.floor(type.gpus / (settings.tensorParallel ?? 1))),
    cacheTokens: memory.cacheTokens,
    maxRequests,
    stepSeconds: toMicroseconds(stepSecondsWith(0)),
    fullRequests,
    fullStepSeconds: toMicroseconds(stepSecondsWith(fullRequests)),
    startSeconds: thinking.startSeconds ?? coldStartSeconds(props, { shape, settings }) ?? 600,
    elastic: thinking.elastic ?? 'asked',
    ...(thinking.policy === undefined ? {} : { policy: thinking.policy }),
  };
}

/** Rounds to whole microseconds, which keeps the function's variables short. */
function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
