import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { rollingBatch } from '../lib/endpoint/deployment.ts';
import { copyRangeOf } from '../lib/endpoint/model-props.ts';
import { instancesOf } from './hourly-cost.ts';

/** Says how an update of each model is done: its weights, its image or a setting of its server. */
export function updateNotes(config: HostedConfig): readonly string[] {
  return config.models.flatMap((model) => updateNote(config, model) ?? []);
}

function updateNote(config: HostedConfig, model: ModelConfig): string | undefined {
  const { instances } = config.endpoint;
  const range = copyRangeOf(model);
  const batch = rollingBatch(range);
  if (batch === undefined) {
    const reason =
      range.min < 2
        ? `it may run ${range.min === 0 ? 'no copy' : 'one copy'}`
        : `it may run ${range.min} and ${range.max} copies`;
    const instead = range.min < 2 ? 'copies.min 2 (in every schedule, too)' : 'a smaller range of copies';
    return `An update of ${model.id} does not roll, because a batch must be 5 to 50 % of the copies at that moment, and ${reason}: the template sets neither batches nor a rollback, and AWS does not say how SageMaker then replaces the copies, so update while few requests run. For rolling updates write ${instead}.`;
  }
  const needed = instancesOf(config, (other) => copyRangeOf(other).max + (other.id === model.id ? batch : 0));
  if (needed <= instances.max) return undefined;
  return `An update of ${model.id} starts ${batch} more ${batch === 1 ? 'copy' : 'copies'} before it stops as many, and with copies.max of every model no GPU is free for that: write instances.max ${needed}, or update while fewer copies run.`;
}
