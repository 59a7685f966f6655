import type { HostedConfig, ModelConfig } from '../lib/config.ts';
import { instancesOf } from './hourly-cost.ts';
import type { HourlyCost, ModelPlan, Stage } from './plan.ts';

/**
 * The stages in which a deployment is brought up: each costs more than the one before, and shows that the next one is worth it. A stage
 * that would change nothing is left out.
 */
export function bringUp(
  config: HostedConfig,
  models: readonly ModelPlan[],
  hourly: HourlyCost | undefined,
): readonly Stage[] {
  const { name, endpoint } = config;
  const starts = models.flatMap(({ estimatedColdStart: start }) => (start === undefined ? [] : [start.seconds]));
  const startSeconds = starts.length < models.length ? undefined : Math.max(...starts);
  const dollars = (instances: number) =>
    hourly === undefined ? undefined : instances * hourly.instance + hourly.fixed;
  const stage = (change: string, copiesOf: (model: ModelConfig) => number, atLeast: number, check: string): Stage => {
    const instances = Math.max(instancesOf(config, copiesOf), atLeast);
    const copies = config.models.reduce((sum, model) => sum + copiesOf(model), 0);
    return { change, instances, copies, startSeconds, dollarsPerHour: dollars(instances), check };
  };
  const one = stage(
    startsWithOne(config) ? 'as it is' : 'copies.initial 1 and instances.initial 1',
    () => 1,
    1,
    `the output TryIt of ${name}-api gives an answer`,
  );
  const first = stage(
    'the initial numbers of the config',
    ({ copies }) => copies.initial,
    endpoint.instances.initial,
    'npx budgetforce load at the requests that you expect; the dashboard shows waiting requests and cache',
  );
  const all = stage(
    'nothing: scaling adds copies as requests come',
    ({ copies }) => copies.max,
    0,
    'npx budgetforce load at the highest load: every copy starts, so quotas and capacity are there',
  );
  const stages = [one, first, all];
  return stages.filter(
    ({ copies, instances }, index) =>
      index === 0 || copies !== stages[index - 1]?.copies || instances !== stages[index - 1]?.instances,
  );
}

function startsWithOne({ models, endpoint }: HostedConfig): boolean {
  return models.every(({ copies }) => copies.initial === 1) && endpoint.instances.initial === 1;
}
