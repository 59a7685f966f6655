import { UsageError } from '../usage-error.ts';
import { findRun } from './find-run.ts';
import type { TrainValues } from './train-options.ts';

/** `budgetforce train logs [RUN]`. With `--json` each line is a JSON string. */
export async function runLogs(values: TrainValues, [name, ...more]: readonly string[]): Promise<number> {
  if (more.length > 0) throw new UsageError('logs takes one run: budgetforce train logs RUN.');
  const run = await findRun(values, name);
  const interrupted = new AbortController();
  const stop = () => interrupted.abort();
  process.once('SIGINT', stop);
  try {
    for await (const line of run.logs(values.follow === true, interrupted.signal))
      process.stdout.write(`${values.json === true ? JSON.stringify(line) : line}\n`);
  } finally {
    process.off('SIGINT', stop);
  }
  return 0;
}
