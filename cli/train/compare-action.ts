import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ResultFolder } from '../../evaluate/folder/result-folder.ts';
import { UsageError } from '../usage-error.ts';
import { type ComparedCondition, compareEvaluations } from './compare-runs.ts';
import { findRun } from './find-run.ts';
import type { TrainValues } from './train-options.ts';

/** What `compare` needs of one side: a run, or a folder of `budgetforce eval`, for instance of the model before. */
interface Side {
  readonly name: string;
  /** `undefined`: a folder of results has none. */
  readonly losses:
    | { readonly first: number | undefined; readonly last: number | undefined; readonly steps: number }
    | undefined;
  readonly evaluations: Readonly<Record<string, ResultFolder>>;
  readonly howToEvaluate: string;
}

/** `budgetforce train compare RUN RUN`. */
export async function runCompare(values: TrainValues, rest: readonly string[]): Promise<number> {
  const [first, second, ...more] = rest;
  if (first === undefined || second === undefined || more.length > 0)
    throw new UsageError(
      'compare takes two runs, or a folder of budgetforce eval in place of a run: budgetforce train compare RUN RUN.',
    );
  const sides = [await sideOf(values, first), await sideOf(values, second)] as const;
  const conditions = comparedConditions(...sides);
  const report = {
    runs: sides.map(({ name, losses }) => ({ name, losses })),
    conditions,
    notes: conditions.length > 0 ? [] : missingNotes(sides),
  };
  process.stdout.write(
    values.json === true ? `${JSON.stringify(report)}\n` : compareText(sides, conditions, report.notes),
  );
  return 0;
}

async function sideOf(values: TrainValues, name: string): Promise<Side> {
  if (existsSync(join(name, 'settings.json'))) {
    const folder = await ResultFolder.open(name);
    return { name, losses: undefined, evaluations: { evaluation: folder }, howToEvaluate: '' };
  }
  const run = await findRun(values, name);
  const losses = await run.losses();
  const tail = losses.slice(-Math.max(1, Math.ceil(losses.length / 10)));
  return {
    name,
    losses: {
      steps: losses.at(-1)?.step ?? 0,
      first: losses[0]?.loss,
      last: tail.length === 0 ? undefined : tail.reduce((sum, { loss }) => sum + loss, 0) / tail.length,
    },
    evaluations: await run.evaluations(),
    howToEvaluate: run.howToEvaluate,
  };
}

/** Conditions of the evaluations with the same key on both sides; a folder on this machine stands for any key. */
function comparedConditions(a: Side, b: Side): readonly ComparedCondition[] {
  const keys = Object.keys(a.evaluations).filter((key) => key in b.evaluations);
  const pairs = keys.map((key) => [a.evaluations[key], b.evaluations[key]] as const);
  const [left, right] = [Object.values(a.evaluations), Object.values(b.evaluations)];
  const chosen = pairs.length > 0 ? pairs : left.flatMap((one) => right.map((other) => [one, other] as const));
  return chosen.flatMap(([one, other]) =>
    one === undefined || other === undefined ? [] : compareEvaluations(one, other),
  );
}

function missingNotes(sides: readonly Side[]): readonly string[] {
  return sides
    .filter(({ evaluations }) => Object.keys(evaluations).length === 0)
    .map(({ name, howToEvaluate }) => `${name} has no evaluation. To make one: ${howToEvaluate}`);
}

function compareText(
  [a, b]: readonly [Side, Side],
  conditions: readonly ComparedCondition[],
  notes: readonly string[],
): string {
  const lines = [
    ...[a, b].flatMap(({ name, losses }) =>
      losses?.first === undefined || losses.last === undefined
        ? []
        : [`${name}: ${losses.steps} steps, loss ${losses.first.toFixed(3)} → ${losses.last.toFixed(3)}`],
    ),
    ...conditions.map((condition) => conditionText(condition, a.name, b.name)),
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}

function conditionText({ condition, first, second, difference }: ComparedCondition, a: string, b: string): string {
  const score = (value: ComparedCondition['first']) =>
    value === undefined
      ? 'not asked'
      : `${percent(value.share)} (${percent(value.low)} to ${percent(value.high)}) of ${value.questions}, ${value.thinkingTokens.toFixed(0)} thinking tokens`;
  const paired =
    difference === undefined
      ? 'no question was asked of both'
      : `${points(difference.share)} (95 %: ${points(difference.low)} to ${points(difference.high)}) over ${difference.questions} questions of both`;
  return `${condition}\n  ${a}: ${score(first)}\n  ${b}: ${score(second)}\n  difference: ${paired}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function points(share: number): string {
  return `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} points`;
}
