import { join } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { LocalRun } from './local/local-run.ts';
import { listRecords, type RunRecord, readRecord } from './run-record.ts';
import type { TrainValues } from './train-options.ts';
import type { TrainingRun } from './training-run.ts';

/**
 * The run of a name, or the newest one: of the deployment if --config names one, otherwise of those that were started from here.
 *
 * @throws {UsageError} if there is none
 */
export async function findRun(values: TrainValues, name: string | undefined): Promise<TrainingRun> {
  if (values.config !== undefined) return await (await cloudRunsOf(values.config, values)).find(name);
  if (name !== undefined) {
    const record = await readRecord(values.runs, name);
    if (record !== undefined) return await toRun(record, values);
    const known = (await listRecords(values.runs)).map(({ run }) => run);
    throw new UsageError(
      `There is no run ${name} in ${values.runs}${known.length === 0 ? '' : `, but ${known.slice(0, 5).join(', ')}`}. For a run of a deployment give its config: --config CONFIG.json.`,
    );
  }
  const [newest] = await listRecords(values.runs);
  if (newest !== undefined) return await toRun(newest, values);
  throw new UsageError(
    `There are no runs in ${values.runs}. Start one: budgetforce train start --local. For runs of a deployment give its config: --config CONFIG.json.`,
  );
}

async function toRun(record: RunRecord, values: TrainValues): Promise<TrainingRun> {
  return record.kind === 'local'
    ? new LocalRun(record, join(values.runs, record.run))
    : await (await cloudRunsOf(record.config, values)).find(record.run);
}

/**
 * The config of a run on AWS.
 *
 * @throws {UsageError} if neither --config nor the record of the run names it
 */
export async function configOf(values: TrainValues, run: string | undefined, action: string): Promise<string> {
  if (values.config !== undefined) return values.config;
  const record = run === undefined ? undefined : await readRecord(values.runs, run);
  if (record?.kind === 'cloud') return record.config;
  if (record?.kind === 'local') {
    throw new UsageError(
      `${action} is for runs on AWS, and ${run} is one of this machine. To serve its model: npx budgetforce start --model ${run}=${join(values.runs, run ?? '', 'model.gguf')}.`,
    );
  }
  throw new UsageError(
    `Give the config of the deployment: budgetforce train ${action}${run === undefined ? '' : ` ${run}`} --config CONFIG.json.`,
  );
}

/** The runs of a deployment. The clients of AWS are loaded only for them. */
export async function cloudRunsOf(file: string, values: TrainValues) {
  const { cloudRuns } = await import('./cloud/cloud-runs.ts');
  return await cloudRuns(file, values);
}
