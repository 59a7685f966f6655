import { UsageError } from '../usage-error.ts';
import { configArgument } from './config-argument.ts';
import type { TrainValues } from './train-options.ts';

/** `budgetforce train start`. */
export async function runStart(values: TrainValues, rest: readonly string[]): Promise<number> {
  if (values.local === true) {
    if (rest.length > 0 || values.config !== undefined)
      throw new UsageError('start --local trains on this machine and takes no config: leave out one of the two.');
    const { startLocal } = await import('./start-local.ts');
    return await startLocal(values);
  }
  if (rest.length === 0 && values.config === undefined) {
    throw new UsageError(
      'Give the config of the deployment: budgetforce train start CONFIG.json --data rows.jsonl. Or train on this machine: --local.',
    );
  }
  const { startCloud } = await import('./start-cloud.ts');
  return await startCloud(values, configArgument('start', values, rest));
}
