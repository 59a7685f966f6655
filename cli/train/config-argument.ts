import { UsageError } from '../usage-error.ts';
import type { TrainValues } from './train-options.ts';

/** The config of an action that takes it as its argument, or by --config. */
export function configArgument(action: string, { config }: TrainValues, rest: readonly string[]): string {
  const [file = config, ...more] = rest;
  if (file === undefined || more.length > 0 || (config !== undefined && file !== config))
    throw new UsageError(`${action} takes one config with "training": budgetforce train ${action} CONFIG.json.`);
  return file;
}
