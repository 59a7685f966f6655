import { UsageError } from '../usage-error.ts';
import { startLocal } from './start-local.ts';
import type { TrainValues } from './train-options.ts';

/** `budgetforce train start`. */
export async function runStart(values: TrainValues, rest: readonly string[]): Promise<number> {
  const [file, ...more] = rest;
  if (more.length > 0) throw new UsageError(`start takes one config, but got ${rest.join(' ')}.`);
  if (values.local === true) {
    if (file !== undefined || values.config !== undefined)
      throw new UsageError('start --local trains on this machine and takes no config: leave out one of the two.');
    return await startLocal(values);
  }
  throw new UsageError(
    'Give the config of the deployment: budgetforce train start CONFIG.json --data rows.jsonl. Or train here: --local.',
  );
}
