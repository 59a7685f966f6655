import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, relative, sep } from 'node:path';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { runFolder } from '../../lib/training/bucket-layout.ts';
import { maxRunLength } from '../../lib/training/hyperparameters.ts';
import { toAwsError } from '../aws/aws-error.ts';
import { confirm } from '../confirm.ts';
import { UsageError } from '../usage-error.ts';
import { Bucket } from '../weights/bucket.ts';
import { uploadFile } from '../weights/upload-file.ts';
import { CloudRun } from './cloud/cloud-run.ts';
import { type CloudRuns, cloudRuns } from './cloud/cloud-runs.ts';
import { callAws } from './cloud/training-stack.ts';
import { dataFiles } from './data/data-files.ts';
import { planRun, type RunPlan } from './plan-run.ts';
import { type Hyperparameters, hyperparametersFrom } from './recipe-values.ts';
import { defaultRunName, hashData, hashOf, parseRunName } from './run-name.ts';
import { readRecord, writeRecord } from './run-record.ts';
import type { TrainValues } from './train-options.ts';
import { readTrainingData } from './training-data.ts';

/** `budgetforce train start CONFIG.json`: checks and uploads the rows, and starts an execution. */
export async function startCloud(values: TrainValues, file: string): Promise<number> {
  const { data } = values;
  if (data === undefined) throw new UsageError('Give the rows: --data rows.jsonl.');
  const hyperparameters = hyperparametersFrom(values);
  const runs = await cloudRuns(file, values);
  const { trainable, place } = runs;
  const { size, problem } = await readTrainingData(data, values, trainable);
  if (problem !== undefined) throw new Error(`Nothing was started, since the data must be repaired.\n${problem}`);
  const run = await nameOf(values, data, hyperparameters, place.stage);
  const before = await readRecord(values.runs, run);
  if (before?.kind === 'local') throw new UsageError(`The run ${run} is one of this machine. Give another --run.`);
  if (!(await isGoing(new CloudRun(run, place)))) {
    const plan = planRun(trainable, hyperparameters, { ...size, source: data }, place.prices);
    await confirm(costQuestion(plan), values.yes);
    await callAws(() => upload(runs, run, data, hyperparameters));
    await callAws(() => start(runs, run, hyperparameters));
    await writeRecord(values.runs, { kind: 'cloud', run, created: new Date().toISOString(), data, config: file });
  } else process.stderr.write(`The run ${run} is going already.\n`);
  const commands = ['status', 'logs', 'stop'].map((action) => `npx budgetforce train ${action} ${run}`);
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ run, bucket: place.stack.bucket, execution: new CloudRun(run, place).arn, commands })}\n`
      : `${run}: started\n${commands.map((command) => `  ${command}\n`).join('')}`,
  );
  return 0;
}

async function nameOf(
  values: TrainValues,
  data: string,
  hyperparameters: Hyperparameters,
  stage: string,
): Promise<string> {
  if (values.run !== undefined) return parseRunName(values.run, maxRunLength(stage));
  const hash = hashOf({ dataHash: await hashData(data), hyperparameters });
  return parseRunName(defaultRunName(hash, new Date()), maxRunLength(stage));
}

/** Whether the run is going. A run that has ended cannot be started again. */
async function isGoing(run: CloudRun): Promise<boolean> {
  const execution = await callAws(() => run.execution()).catch((cause: unknown) => {
    if (cause instanceof UsageError && cause.message.startsWith('There is no run')) return undefined;
    throw cause;
  });
  if (execution === undefined || execution.status === 'RUNNING') return execution !== undefined;
  throw new UsageError(
    `The run ${run.run} exists already: it is ${execution.status?.toLowerCase().replace('_', ' ')}. Give another --run NAME.`,
  );
}

function costQuestion({ estimate, instances, memory }: RunPlan): string {
  if (memory.needed > memory.usable)
    throw new UsageError(
      `The recipe does not fit: a GPU of ${instances} needs ${gib(memory.needed)} GiB of ${gib(memory.usable)}. Write --block-size ${memory.largestBlock} or less, or more GPUs.`,
    );
  const cost = estimate.dollars === undefined ? 'an unknown price' : `about $${estimate.dollars.value.toFixed(0)}`;
  return `Start ${instances} for about ${(estimate.seconds.value / 60).toFixed(0)} minutes, ${cost} (estimates; budgetforce train plan has the formulas)?`;
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

/** Brings the rows and the input into the folder of the run. */
async function upload(
  { place }: CloudRuns,
  run: string,
  data: string,
  hyperparameters: Hyperparameters,
): Promise<void> {
  const bucket = new Bucket(place.clients.s3, place.stack.bucket);
  for (const path of await dataFiles(data)) {
    const name = path === data ? basename(path) : relative(data, path).split(sep).join('/');
    const key = `${runFolder(run)}data/${name}`;
    const file = {
      name,
      bytes: (await stat(path)).size,
      sha256: undefined,
      open: async (signal: AbortSignal) => createReadStream(path, { highWaterMark: 1 << 20, signal }),
    };
    await uploadFile(file, key, bucket, { onBytes: () => {}, signal: new AbortController().signal });
  }
  await bucket.put(
    `${runFolder(run)}input.json`,
    `${JSON.stringify(inputOf(place.stack.bucket, run, hyperparameters), null, 2)}\n`,
  );
}

async function start({ place }: CloudRuns, run: string, hyperparameters: Hyperparameters): Promise<void> {
  try {
    await place.clients.steps.send(
      new StartExecutionCommand({
        stateMachineArn: place.stack.stateMachineArn,
        name: run,
        input: JSON.stringify(inputOf(place.stack.bucket, run, hyperparameters)),
      }),
    );
  } catch (cause) {
    if (toAwsError(cause).name !== 'ExecutionAlreadyExists') throw cause;
    throw new UsageError(`The run ${run} exists already. Give another --run NAME.`);
  }
}

function inputOf(bucket: string, run: string, hyperparameters: Hyperparameters) {
  return { run, data: `s3://${bucket}/${runFolder(run)}data/`, hyperparameters };
}
