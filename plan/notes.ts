import type { Config } from '../lib/config.ts';
import type { HourlyCost, ModelPlan, MonthlyCost } from './plan.ts';
import type { PlannedTraffic } from './traffic.ts';

/** Returns what a reader of the plan should know: missing facts, wasted instances, and what is not counted. */
export function notesOf(
  config: Config,
  models: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
  month: MonthlyCost | undefined,
  traffic: PlannedTraffic | undefined,
): readonly string[] {
  const { instanceType, instances, detailedMetrics } = config.endpoint;
  const notes = [
    ...models
      .filter(({ memory }) => memory === undefined)
      .map(
        ({ id }) =>
          `${id} has no architecture in the config, so its memory, speed and cold start are unknown: write models[].architecture.`,
      ),
    hourly === undefined &&
      `No price of ${instanceType} is known: write { "instances": { "${instanceType}": … } } into a file and pass it by --prices.`,
    instances.min > 0 &&
      config.models.every(({ copies }) => copies.min === 0) &&
      'All copies may scale to zero, but instances.min keeps instances without a copy: write instances.min 0 to save their cost.',
    month !== undefined
      ? copiesNote(config, month)
      : traffic !== undefined &&
        hourly !== undefined &&
        'The month was not estimated: it needs the architecture of the model and a known instance type.',
    detailedMetrics &&
      'detailedMetrics sends the metrics of server and GPUs to CloudWatch as OpenTelemetry, charged by the gigabyte, which is not counted here.',
    'Not counted: data transfer, logs, custom metrics, storage of weights, taxes, and requests that wait for a copy.',
  ];
  return notes.filter((note) => typeof note === 'string');
}

function copiesNote(config: Config, month: MonthlyCost): string | undefined {
  const model = config.models.find(({ id }) => id === month.model);
  if (model === undefined || month.load.copies <= model.copies.max) return undefined;
  return `This traffic needs ${month.load.copies} copies of ${model.id}, but copies.max is ${model.copies.max}: requests would queue, and the month above counts copies that never start.`;
}
