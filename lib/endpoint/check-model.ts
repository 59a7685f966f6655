import { checkAccelerations } from '../checks/check-accelerations.ts';
import { checkContextWindow, checkPayload } from '../checks/check-context.ts';
import { checkCopies, checkCopyGpus, checkHostMemory } from '../checks/check-copies.ts';
import { checkContainerEnvironment } from '../checks/check-environment.ts';
import { checkScalingCapacity } from '../checks/check-load-scaling.ts';
import { checkAttentionHeads, checkMemory } from '../checks/check-memory.ts';
import {
  checkAdapterPools,
  checkAdapterUri,
  checkBucket,
  checkRevision,
  checkS3Uri,
} from '../checks/check-model-source.ts';
import { checkPassedSettings } from '../checks/check-reserved.ts';
import { checkStartupTimeouts } from '../checks/check-timeouts.ts';
import { DEFAULT_VLLM_TAG, serverOf } from '../facts/images.ts';
import type { Refusal } from '../facts/refusal.ts';
import { gpuMemory } from '../serving/gpu-memory.ts';
import { memoryInWords } from '../serving/memory-in-words.ts';
import type { ServedWeights } from '../serving/served-weights.ts';
import type { StartupTimeouts } from '../serving/startup-timeouts.ts';
import type { ContainerEnvironment } from './model-container.ts';
import { type HostedModelProps, placementOf, servedContextTokens } from './model-props.ts';

/** Runs all checks of one model on an endpoint. */
export function checkModel(
  props: HostedModelProps,
  served: ServedWeights,
  environment: ContainerEnvironment,
  timeouts: StartupTimeouts,
): readonly (Refusal | undefined)[] {
  const { id, instanceTypes, networkIsolation } = props;
  const placement = placementOf(props);
  const contextTokens = servedContextTokens(props);
  return [
    checkS3Uri(id, props.source),
    props.source.kind === 's3' ? checkBucket(id, 'source.uri', props.source.uri) : checkRevision(id, props.source),
    checkContextWindow(id, props.contextTokens, contextTokens),
    checkScaling(props, served),
    checkPayload(id, contextTokens),
    ...instanceTypes.flatMap((instanceType) => [
      checkCopyGpus(instanceType, placement),
      checkHostMemory(instanceType, id, props.memoryMib),
      checkFit(id, served, instanceType, contextTokens),
    ]),
    ...checkCopies(placement),
    ...checkAccelerations(id, props.vllm ?? {}, networkIsolation),
    ...checkPassedSettings(id, serverOf(props.image ?? DEFAULT_VLLM_TAG), {
      flags: props.vllm?.flags ?? {},
      environment: props.environment ?? {},
    }),
    ...checkContainerEnvironment(id, environment),
    ...checkStartupTimeouts(id, timeouts),
    checkAdapterPools(id, (props.adapters ?? []).length, instanceTypes),
    ...(props.adapters ?? []).flatMap((adapter) => [
      checkAdapterUri(id, adapter),
      checkBucket(id, `adapters[].uri of ${adapter.id}`, adapter.uri),
    ]),
  ];
}

/** Checks whether weights and KV cache fit the GPUs. Without an architecture or instance type, this is unknown. */
function checkFit(
  id: string,
  { shape, settings }: ServedWeights,
  instanceType: string,
  contextTokens: number,
): Refusal | undefined {
  if (shape === undefined) return undefined;
  const tensorParallel = settings.tensorParallel ?? 1;
  const heads = checkAttentionHeads(id, shape.heads, tensorParallel);
  if (heads !== undefined) return heads;
  const memory = gpuMemory(shape, settings, instanceType);
  if (memory === undefined) return undefined;
  return checkMemory({
    name: id,
    instanceType,
    tensorParallel,
    contextTokens,
    cacheTokens: memory.cacheTokens,
    calculation: memoryInWords(shape, settings, memory, contextTokens),
  });
}

/** Checks that the function can be told what a copy holds, if the model scales by load. */
function checkScaling({ id, scaling, instanceTypes }: HostedModelProps, { shape, settings }: ServedWeights) {
  if (scaling?.thinking === undefined) return undefined;
  const [instanceType] = instanceTypes;
  return checkScalingCapacity(id, {
    hasArchitecture: shape !== undefined,
    instanceType,
    cacheTokens: shape && gpuMemory(shape, settings, instanceType)?.cacheTokens,
  });
}
