import { checkAccelerations } from '../checks/check-accelerations.ts';
import { checkContextWindow, checkPayload } from '../checks/check-context.ts';
import { checkCopies, checkCopyGpus } from '../checks/check-copies.ts';
import { checkContainerEnvironment } from '../checks/check-environment.ts';
import { checkScalingArchitecture } from '../checks/check-load-scaling.ts';
import { checkAttentionHeads, checkMemory } from '../checks/check-memory.ts';
import { checkAdapterUri, checkS3Uri } from '../checks/check-model-source.ts';
import { checkStartupTimeouts } from '../checks/check-timeouts.ts';
import type { Refusal } from '../facts/refusal.ts';
import { gpuMemory } from '../serving/gpu-memory.ts';
import { memoryInWords } from '../serving/memory-in-words.ts';
import { servedWeights } from '../serving/served-weights.ts';
import type { StartupTimeouts } from '../serving/startup-timeouts.ts';
import type { ContainerEnvironment } from './model-container.ts';
import { type HostedModelProps, placementOf, servedContextTokens } from './model-props.ts';

/** Runs all checks of one model on an endpoint. */
export function checkModel(
  props: HostedModelProps,
  environment: ContainerEnvironment,
  timeouts: StartupTimeouts,
): readonly (Refusal | undefined)[] {
  const { id, instanceTypes, networkIsolation } = props;
  const placement = placementOf(props);
  const contextTokens = servedContextTokens(props);
  return [
    checkS3Uri(id, props.source),
    checkContextWindow(id, props.contextTokens, contextTokens),
    checkScalingArchitecture(id, {
      scalesByLoad: props.scaling?.thinking !== undefined,
      architecture: props.architecture,
    }),
    checkPayload(id, contextTokens),
    ...instanceTypes.flatMap((instanceType) => [
      checkCopyGpus(instanceType, placement),
      checkFit(props, instanceType, contextTokens),
    ]),
    ...checkCopies(placement),
    ...checkAccelerations(id, props.vllm ?? {}, networkIsolation),
    ...checkContainerEnvironment(id, environment),
    ...checkStartupTimeouts(id, timeouts),
    ...(props.adapters ?? []).map((adapter) => checkAdapterUri(id, adapter)),
  ];
}

/** Checks whether weights and KV cache fit the GPUs. Without an architecture or instance type, this is unknown. */
function checkFit(props: HostedModelProps, instanceType: string, contextTokens: number): Refusal | undefined {
  const { shape, settings } = servedWeights(props);
  if (shape === undefined) return undefined;
  const tensorParallel = settings.tensorParallel ?? 1;
  const heads = checkAttentionHeads(props.id, shape.heads, tensorParallel);
  if (heads !== undefined) return heads;
  const memory = gpuMemory(shape, settings, instanceType);
  if (memory === undefined) return undefined;
  return checkMemory({
    name: props.id,
    instanceType,
    tensorParallel,
    contextTokens,
    cacheTokens: memory.cacheTokens,
    calculation: memoryInWords(shape, settings, memory, contextTokens),
  });
}
