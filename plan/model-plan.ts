import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import type { Prices } from '../lib/facts/prices.ts';
import { coldStart } from '../lib/serving/cold-start.ts';
import { decodeSpeed, USUAL_CONTEXT_TOKENS } from '../lib/serving/decode-speed.ts';
import { gpuMemory, storedWeightBytes } from '../lib/serving/gpu-memory.ts';
import { memoryInWords } from '../lib/serving/memory-in-words.ts';
import { servedWeights } from '../lib/serving/served-weights.ts';
import type { ModelPlan } from './plan.ts';

/** Plans one model: its memory, cold start and speed. */
export function modelPlan(config: HostedConfig, model: ModelConfig, prices: Prices): ModelPlan {
  const { shape, settings } = servedWeights(model);
  if (shape === undefined) {
    return { id: model.id, memory: undefined, estimatedColdStart: undefined, estimatedSpeed: undefined };
  }
  const contextTokens = model.vllm.contextTokens ?? model.contextTokens;
  const usualTokens = Math.min(USUAL_CONTEXT_TOKENS, contextTokens);
  const memory = gpuMemory(shape, settings, config.endpoint.instanceType);
  const type = findInstanceType(config.endpoint.instanceType);
  return {
    id: model.id,
    memory: memory && {
      ...memory,
      inWords: memoryInWords(shape, settings, memory, contextTokens),
      longestRequestsAtOnce: Math.floor(memory.cacheTokens / contextTokens),
    },
    estimatedColdStart: coldStart(
      { id: model.id, source: model.source.kind, weightBytes: storedWeightBytes(shape, settings) },
      prices.assumptions,
    ),
    estimatedSpeed: memory &&
      type && {
        ...decodeSpeed(memory, type, {
          requests: model.requestsPerCopy,
          contextTokens: usualTokens,
          efficiency: prices.assumptions.decodeEfficiency,
        }),
        contextTokens: usualTokens,
      },
  };
}
