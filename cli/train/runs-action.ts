import { join } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { cloudRunsOf } from './find-run.ts';
import { LocalRun } from './local/local-run.ts';
import { listRecords } from './run-record.ts';
import type { TrainValues } from './train-options.ts';
import type { ListedRun } from './training-run.ts';

/** `budgetforce train runs`: those of a deployment with --config, otherwise those that were started from here. */
export async function runRuns(values: TrainValues, rest: readonly string[]): Promise<number> {
  if (rest.length > 0) throw new UsageError(`runs takes no arguments, but got ${rest.join(' ')}.`);
  const runs =
    values.config === undefined
      ? await runsOfThisMachine(values)
      : await (await cloudRunsOf(values.config, values)).list();
  process.stdout.write(values.json === true ? `${JSON.stringify({ runs })}\n` : listText(runs, values));
  return 0;
}

async function runsOfThisMachine({ runs }: TrainValues): Promise<readonly ListedRun[]> {
  return await Promise.all(
    (await listRecords(runs)).map(async (record) => {
      const { run, created: started } = record;
      if (record.kind === 'cloud')
        return { run, place: 'AWS', state: `see status (${record.config})`, started } as const;
      const { state } = await new LocalRun(record, join(runs, run)).status();
      return { run, place: 'this machine', state, started } as const;
    }),
  );
}

function listText(runs: readonly ListedRun[], { config, runs: folder }: TrainValues): string {
  if (runs.length === 0) {
    return config === undefined
      ? `There are no runs in ${folder} yet. budgetforce train start --local starts one.\n`
      : `There are no runs yet. budgetforce train start ${config} --data rows.jsonl starts one.\n`;
  }
  const width = Math.max(...runs.map(({ run }) => run.length));
  return runs
    .map(
      ({ run, place, state, started }) =>
        `${run.padEnd(width)}  ${started.slice(0, 16).replace('T', ' ')} UTC  ${place}  ${state}\n`,
    )
    .join('');
}
