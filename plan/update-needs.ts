import type { HostedConfig } from '../lib/config.ts';
import { rollingBatch } from '../lib/endpoint/deployment.ts';
import { copyRangeOf } from '../lib/endpoint/model-props.ts';
import { instancesOf } from './hourly-cost.ts';
import type { UpdateNeed } from './plan.ts';
import { instancesDuringUpdate } from './required-quotas.ts';

/** What each kind of update needs: instances that run at once, at most, and how the old copies go. */
export function updateNeeds(config: HostedConfig): readonly UpdateNeed[] {
  const { instances, instanceType } = config.endpoint;
  const models = config.models.map((model): UpdateNeed => {
    const change = `weights, image or server settings of ${model.id}`;
    const batch = rollingBatch(copyRangeOf(model));
    if (batch === undefined)
      return { change, instances: instances.max, how: 'copies are not replaced in batches (see the notes)' };
    const needed = instancesOf(config, (other) => copyRangeOf(other).max + (other.id === model.id ? batch : 0));
    const how = `in batches of ${batch} ${batch === 1 ? 'copy' : 'copies'}, which start before as many stop; errors roll back`;
    return { change, instances: needed, how };
  });
  const { count, why } = instancesDuringUpdate(config.endpoint);
  return [
    { change: 'API, keys, limits, dashboard, alarms', instances: 0, how: 'without the endpoint, in minutes' },
    ...models,
    { change: `instance type (now ${instanceType}), AMI, routing`, instances: count, how: `${why}; errors roll back` },
  ];
}
