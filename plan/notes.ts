import { upstreamName } from '../lambda/upstream/registry.ts';
import { checkBucket } from '../lib/checks/check-model-source.ts';
import { type Config, externalModels, type HostedConfig, hostedPart } from '../lib/config.ts';
import type { Prices } from '../lib/facts/prices.ts';
import { afterZeroNotes } from './after-zero.ts';
import { backgroundNote } from './background-cost.ts';
import type { HourlyCost, ModelPlan, MonthlyCost } from './plan.ts';
import type { PlannedTraffic } from './traffic.ts';
import { updateNotes } from './update-notes.ts';

/** Returns what a reader of the plan should know: missing facts, wasted instances, and what is not counted. */
export function notesOf(
  config: Config,
  models: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
  month: MonthlyCost | undefined,
  traffic: PlannedTraffic | undefined,
  busy: Config['models'][number] | undefined,
  prices: Prices,
): readonly string[] {
  const hosted = hostedPart(config);
  const notes = [
    ...externalModels(config).map(
      ({ id, upstream }) =>
        `${id} runs at ${upstreamName(upstream)}, which this config does not deploy: its GPUs, memory, speed, cold start and cost are unknown here.`,
    ),
    ...models
      .filter(({ memory }) => memory === undefined)
      .map(
        ({ id }) =>
          `${id} has no architecture in the config, so its memory, speed and cold start are unknown: write models[].architecture.`,
      ),
    ...(hosted === undefined
      ? []
      : [
          ...endpointNotes(hosted, hourly),
          ...afterZeroNotes(hosted),
          ...updateNotes(hosted),
          ...placeholderNotes(hosted),
        ]),
    month !== undefined
      ? hosted !== undefined && copiesNote(hosted, month)
      : traffic !== undefined && hourly !== undefined && monthNote(busy),
    hosted?.endpoint.detailedMetrics &&
      'detailedMetrics sends the metrics of server and GPUs to CloudWatch as OpenTelemetry, charged by the gigabyte, which is not counted here.',
    config.retention.feedbackDays > 0 &&
      'retention.feedbackDays: each stored request is one object and three or four writes of the table, about a dollar for 100,000 requests at list prices ($5 a million PUT, $0.625 a million writes), and $0.023 a gigabyte and month; the dashboard’s shares of good answers are up to seven metrics a model ($0.30 each). Not counted here.',
    backgroundNote(config, models, prices),
    config.batches !== undefined &&
      'batches: lines run on copies that other requests started, and cost no copy of their own; a copy that a batch wakes costs as any other, for the lines and for its time until scale-in.',
    config.training !== undefined &&
      'training costs $0 while no run is going: what its stack has is billed by use alone. npx budgetforce train plan CONFIG shows what a run costs.',
    hosted === undefined
      ? 'Not counted: data transfer, logs, custom metrics and taxes.'
      : 'Not counted: data transfer, logs, custom metrics, storage of weights, taxes, and requests that wait for a copy.',
  ];
  return notes.filter((note) => typeof note === 'string');
}

function endpointNotes(
  { endpoint: { instanceType, instances }, models }: HostedConfig,
  hourly: HourlyCost | undefined,
) {
  return [
    hourly === undefined &&
      `No price of ${instanceType} is known: write { "instances": { "${instanceType}": … } } into a file and pass it by --prices.`,
    instances.min > 0 &&
      models.every(({ copies }) => copies.min === 0) &&
      'All copies may scale to zero, but instances.min keeps instances without a copy: write instances.min 0 to save their cost.',
  ];
}

function monthNote(busy: Config['models'][number] | undefined): string {
  return busy !== undefined && 'upstream' in busy
    ? `The month was not estimated: how long ${busy.id} takes for a request depends on its server. Multiply by the dollars per request above.`
    : 'The month was not estimated: it needs the architecture of the model and a known instance type.';
}

function copiesNote(config: HostedConfig, month: MonthlyCost): string | undefined {
  const model = config.models.find(({ id }) => id === month.model);
  if (model === undefined || month.load.copies <= model.copies.max) return undefined;
  return `This traffic needs ${month.load.copies} copies of ${model.id}, but copies.max is ${model.copies.max}: requests would queue, and the month above counts copies that never start.`;
}

/** Notes about buckets of examples, which a plan allows and a deployment refuses. */
function placeholderNotes({ models }: HostedConfig): readonly string[] {
  return models.flatMap(({ id, source }) => {
    if (source.kind !== 's3' || checkBucket(id, 'source.uri', source.uri)?.code !== 'placeholder-bucket') return [];
    return [
      `${source.uri} of ${id} is in the bucket of an example: write your own before cdk deploy, which refuses it.`,
    ];
  });
}
