import { UsageError } from '../usage-error.ts';
import { findRun } from './find-run.ts';
import type { TrainValues } from './train-options.ts';

/** `budgetforce train stop RUN`. */
export async function runStop(values: TrainValues, [name, ...more]: readonly string[]): Promise<number> {
  if (name === undefined || more.length > 0) throw new UsageError('stop takes one run: budgetforce train stop RUN.');
  const run = await findRun(values, name);
  const message = await run.stop();
  process.stdout.write(values.json === true ? `${JSON.stringify({ run: run.run, message })}\n` : `${message}\n`);
  return 0;
}
