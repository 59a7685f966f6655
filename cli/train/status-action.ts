import { UsageError } from '../usage-error.ts';
import { findRun } from './find-run.ts';
import { durationText, progressText } from './progress-text.ts';
import type { TrainValues } from './train-options.ts';
import type { RunStatus } from './training-run.ts';

/** `budgetforce train status [RUN]`. */
export async function runStatus(values: TrainValues, [name, ...more]: readonly string[]): Promise<number> {
  if (more.length > 0) throw new UsageError('status takes one run: budgetforce train status RUN.');
  const status = await (await findRun(values, name)).status();
  process.stdout.write(values.json === true ? `${JSON.stringify(status)}\n` : statusText(status));
  return 0;
}

function statusText({ run, place, state, started, progress, dollars, notes }: RunStatus): string {
  const age = durationText((Date.now() - Date.parse(started)) / 1_000);
  const lines = [
    `${run} on ${place}: ${state}, started ${age} ago`,
    ...(progress?.steps === undefined ? [] : [progressText(progress)]),
    ...(dollars === undefined || dollars.value === 0
      ? []
      : [`about $${dollars.value.toFixed(2)} so far: ${dollars.formula}`]),
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}
