import { type AcceleratedSettings, accelerate } from './accelerate.ts';
import { type Architecture, type ArchitectureName, toArchitecture } from './architecture.ts';
import type { MemorySettings, WeightBits } from './gpu-memory.ts';
import type { VllmSettings } from './vllm-settings.ts';

/** A model's weights as they are served: what memory, speed, start times and the server's settings are calculated from. */
export interface ServedWeights {
  /** `undefined` if the config has no architecture. */
  readonly shape: Architecture | undefined;
  /** Settings with accelerations applied. */
  readonly settings: AcceleratedSettings & MemorySettings;
}

/** Resolves a model's architecture and applies its accelerations. Call it once for each model, and pass on the result. */
export function servedWeights(model: {
  readonly architecture?: ArchitectureName | Architecture | undefined;
  readonly weightBits?: WeightBits | undefined;
  readonly vllm?: VllmSettings | undefined;
}): ServedWeights {
  return {
    shape: model.architecture === undefined ? undefined : toArchitecture(model.architecture),
    settings: { ...accelerate(model.vllm ?? {}), weightBits: model.weightBits },
  };
}
