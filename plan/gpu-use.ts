import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { findInstanceType } from '../lib/facts/instance-types.ts';
import type { Prices } from '../lib/facts/prices.ts';
import { instancesOf } from './hourly-cost.ts';
import type { GpuUse } from './plan.ts';

/** Counts the GPUs that no copy uses, with one copy of each model, at first, and with all copies. `undefined` if the instance type is unknown. */
export function gpuUse(config: HostedConfig, prices: Prices): readonly GpuUse[] | undefined {
  const gpus = findInstanceType(config.endpoint.instanceType)?.gpus;
  if (gpus === undefined) return undefined;
  const price = prices.instances[config.endpoint.instanceType];
  const use = (when: GpuUse['when'], copiesOf: (model: ModelConfig) => number, atLeast: number): GpuUse => {
    const instances = Math.max(instancesOf(config, copiesOf), atLeast);
    const used = config.models.reduce((sum, model) => sum + copiesOf(model) * model.vllm.tensorParallel, 0);
    const idle = instances * gpus - used;
    return {
      when,
      instances,
      gpus: instances * gpus,
      used,
      idle,
      idleDollarsPerHour: price === undefined ? undefined : (price * idle) / gpus,
    };
  };
  const { instances } = config.endpoint;
  return [
    use('one copy', () => 1, 1),
    use('first', ({ copies }) => copies.initial, instances.initial),
    use('maximum', ({ copies }) => copies.max, 0),
  ];
}
