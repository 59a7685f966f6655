import { groupDigits } from '../../lib/facts/group-digits.ts';
import { loadPrices } from '../../lib/facts/prices.ts';
import { type Estimate, s1kData } from '../../lib/training/estimate.ts';
import { configArgument } from './config-argument.ts';
import { planRun, type RunPlan } from './plan-run.ts';
import { hyperparametersFrom } from './recipe-values.ts';
import type { TrainValues } from './train-options.ts';
import { loadTrainable, type TrainableConfig } from './trained-model.ts';
import { readTrainingData } from './training-data.ts';

/** `budgetforce train plan CONFIG.json`. Asks AWS for nothing. */
export async function runPlan(values: TrainValues, rest: readonly string[]): Promise<number> {
  const trainable = loadTrainable(configArgument('plan', values, rest));
  const plan = planRun(
    trainable,
    hyperparametersFrom(values),
    await plannedData(values, trainable),
    loadPrices(values.prices),
  );
  process.stdout.write(values.json === true ? `${JSON.stringify(plan, null, 2)}\n` : planText(plan));
  return 0;
}

async function plannedData(values: TrainValues, trainable: TrainableConfig): Promise<RunPlan['data']> {
  const { data } = values;
  if (data === undefined) return { ...s1kData, source: 's1K, whose tokens are an assumption (--data counts your own)' };
  const { size, problem } = await readTrainingData(data, values, trainable);
  return {
    ...size,
    source: problem === undefined ? data : `${data}; it must be repaired: budgetforce train data check`,
  };
}

function planText(plan: RunPlan): string {
  const { estimate, data, article, storage, memory } = plan;
  const gib = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
  const rows: readonly (readonly [string, string, string])[] = [
    ['steps', groupDigits(estimate.steps.value), estimate.steps.formula],
    ['tokens', groupDigits(Math.round(estimate.tokens.value)), estimate.tokens.formula],
    ['tokens/s', groupDigits(Math.round(estimate.tokensPerSecond.value)), estimate.tokensPerSecond.formula],
    ...(estimate.samplingSeconds === undefined
      ? []
      : [['sampling', minutes(estimate.samplingSeconds), estimate.samplingSeconds.formula] as const]),
    ['time', minutes(estimate.seconds), estimate.seconds.formula],
    [
      'dollars',
      estimate.dollars === undefined ? 'unknown' : dollars(estimate.dollars),
      estimate.dollars?.formula ?? `no price of ${plan.instances}: --prices FILE.json`,
    ],
    ['model, a month', dollars(storage.model), storage.model.formula],
    ['checkpoints', dollars(storage.checkpoints), storage.checkpoints.formula],
    ['idle', '$0', 'nothing of the stack is billed while no run is going, but what is stored'],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column as 0 | 1].length)));
  return `${[
    `${plan.model} on ${plan.instances}, ${groupDigits(data.rows)} rows: ${data.source}`,
    'Every figure is an estimate.',
    '',
    ...rows.map(
      ([name, value, formula]) => `  ${name.padEnd(widths[0] ?? 0)}  ${value.padStart(widths[1] ?? 0)}  ${formula}`,
    ),
    '',
    `Memory of a GPU: ${gib(memory.needed)} of ${gib(memory.usable)} GiB; the largest block that fits has ${groupDigits(memory.largestBlock)} tokens`,
    ...plan.memoryInWords.split('; ').map((part) => `  ${part}`),
    '',
    ...plan.quotas.flatMap(({ name, value, why, command }) => [
      `Quota: ${name}, at least ${value}: ${why}`,
      `  ${command}`,
    ]),
    '',
    `The article's $${article.dollars} beside ${article.today === undefined ? 'an unknown price' : `${dollars(article.today)} of the same run here (${article.today.formula})`}: ${article.explanation}`,
    ...plan.notes,
  ].join('\n')}\n`;
}

function dollars({ value }: Estimate): string {
  return `$${value.toFixed(2)}`;
}

function minutes({ value }: Estimate): string {
  return `${(value / 60).toFixed(0)} min`;
}
