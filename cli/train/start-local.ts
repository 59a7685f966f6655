import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type FormatName, formatNames } from '../../lambda/forcing/format.ts';
import { parseChoice, parseWholeNumber } from '../option-values.ts';
import { UsageError } from '../usage-error.ts';
import { dataFiles } from './data/data-files.ts';
import { columnNames } from './data/training-row.ts';
import { exampleIn, writeBase, writeExample, writeGguf } from './local/prepare.ts';
import { ProgressLine } from './local/progress-line.ts';
import { trainingPython } from './local/python-environment.ts';
import { RunFolder } from './local/run-folder.ts';
import { follow, runTraining } from './local/run-training.ts';
import { requireEmbeddedModel } from './local/training-files.ts';
import { durationText, progressText } from './progress-text.ts';
import { type Hyperparameters, hyperparametersFrom } from './recipe-values.ts';
import { defaultRunName, hashData, hashOf, parseRunName } from './run-name.ts';
import { type LocalRecord, listRecords, readRecord, writeRecord } from './run-record.ts';
import { TINY, type TrainValues } from './train-options.ts';
import type { TrainingProgress } from './training-log.ts';

/** s1's learning rate is for 32 billion weights; the embedded model has a million. */
const tinyOptions: Hyperparameters = { epochs: '10', learning_rate: '1e-3' };

/** `budgetforce train start --local`: trains, or goes on where the same command was interrupted. */
export async function startLocal(values: TrainValues): Promise<number> {
  const processes = parseWholeNumber('processes', values.processes, { min: 1, max: 256 });
  const wanted = wantedRun(values);
  const python = trainingPython({
    python: values.python,
    venv: values.venv,
    downloadCuda: values['download-cuda'],
  });
  const data = wanted.data ?? (await writeExample(python, values.runs)).data;
  await dataFiles(data);
  const record = await recordOf({ ...wanted, data }, values);
  const folder = new RunFolder(join(values.runs, record.run));
  await writeRecord(values.runs, record);
  const state = await folder.state();
  if (state !== 'done') {
    const interrupted = interruption(folder, state === 'running');
    const startedAt = performance.now();
    try {
      const progress =
        state === 'running'
          ? await attach(folder, record.run, interrupted.signal)
          : state === 'trained'
            ? (await folder.readLog()).progress()
            : await train({ record, folder, python, processes }, interrupted.signal);
      const ended = await endOf(folder, record, progress, interrupted.signal.aborted);
      if (ended !== undefined) throw new Error(ended);
    } finally {
      interrupted.release();
    }
    if (state !== 'trained')
      process.stderr.write(`Trained in ${durationText((performance.now() - startedAt) / 1_000)}.\n`);
    const noGguf = await writeGguf(python, folder, record.run);
    if (noGguf !== undefined) process.stderr.write(`No GGUF file was written: ${noGguf}\n`);
    await folder.markDone();
  } else process.stderr.write(`The run ${record.run} is done. Another --run NAME trains again.\n`);
  process.stdout.write(await result(folder, record, values));
  return 0;
}

type Wanted = Pick<LocalRecord, 'model' | 'format' | 'columns' | 'options'> & { readonly data: string | undefined };

function wantedRun(values: TrainValues): Wanted {
  const { model = TINY } = values;
  if (model === TINY) requireEmbeddedModel();
  else if (values.data === undefined) throw new UsageError('Give the rows: --data rows.jsonl.');
  const format =
    values.format === undefined && model !== TINY
      ? undefined
      : parseChoice('format', values.format ?? 's1', formatNames);
  if (format === undefined)
    throw new UsageError(`Say how the model delimits its thinking: --format, one of ${formatNames.join(', ')}.`);
  const columns = values.columns === undefined ? null : parseChoice('columns', values.columns, columnNames);
  const options = { ...(model === TINY ? tinyOptions : {}), ...hyperparametersFrom(values) };
  return { model, format: format satisfies FormatName, columns, options, data: values.data };
}

/** The record of the run that the options name: a new one, or that of the same command before. */
async function recordOf(wanted: Wanted & { readonly data: string }, values: TrainValues): Promise<LocalRecord> {
  const dataHash = await hashData(wanted.data);
  const { model, format, columns, options, data } = wanted;
  const hash = hashOf({ model, format, columns, options, dataHash });
  const now = new Date();
  if (values.run === undefined) {
    // The same command on another day goes on, too.
    const before = (await listRecords(values.runs)).find(
      (record) => record.kind === 'local' && record.run.endsWith(`-${hash}`),
    );
    if (before?.kind === 'local') return before;
  }
  const run = values.run === undefined ? defaultRunName(hash, now) : parseRunName(values.run);
  const before = await readRecord(values.runs, run);
  const record: LocalRecord = {
    kind: 'local',
    run,
    created: now.toISOString(),
    dataHash,
    model,
    format,
    columns,
    options,
    data,
  };
  if (before === undefined) return record;
  const other = before.kind === 'cloud' ? ['kind: it runs on AWS'] : differences(before, record);
  if (other.length === 0) return { ...record, created: before.created };
  throw new UsageError(`The run ${run} has another ${other.join(', and another ')}. Give another --run.`);
}

function differences(before: LocalRecord, now: LocalRecord): readonly string[] {
  const names = ['model', 'format', 'columns', 'options', 'dataHash'] as const;
  return names
    .filter((name) => hashOf(sorted(before[name])) !== hashOf(sorted(now[name])))
    .map(
      (name) =>
        `${name === 'dataHash' ? 'content of the data' : name} (${shown(before[name])}, now ${shown(now[name])})`,
    );
}

function sorted(value: LocalRecord[keyof LocalRecord]): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).toSorted() : value;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

interface Training {
  readonly record: LocalRecord;
  readonly folder: RunFolder;
  readonly python: string;
  readonly processes: number;
}

async function train({ record, folder, python, processes }: Training, signal: AbortSignal): Promise<TrainingProgress> {
  const base = record.model === TINY ? await writeBase(python, folder) : record.model;
  const options = Object.entries(record.options).map(([name, value]) => `--${name.replaceAll('_', '-')}=${value}`);
  process.stderr.write(
    `Run ${record.run}: ${record.data}, ${processes} processes. ${relative('', folder.path)} has its log and checkpoints.\n`,
  );
  return await shownProgress((onProgress) =>
    runTraining(
      {
        folder,
        python,
        processes,
        arguments: [
          ...['--model', base, '--data', record.data, '--format', record.format],
          ...['--output', folder.model, '--checkpoints', folder.checkpoints],
          ...(record.columns === null ? [] : ['--columns', record.columns]),
          ...options,
        ],
      },
      signal,
      { onProgress },
    ),
  );
}

/** Follows a training that another start began. An interruption ends the following alone. */
async function attach(folder: RunFolder, run: string, signal: AbortSignal): Promise<TrainingProgress> {
  process.stderr.write(`The run ${run} is going already. Its progress:\n`);
  return await shownProgress((onProgress) =>
    follow(folder, () => !signal.aborted && folder.runningPid() !== undefined, { onProgress }),
  );
}

async function shownProgress(
  run: (onProgress: (progress: TrainingProgress) => void) => Promise<TrainingProgress>,
): Promise<TrainingProgress> {
  const line = new ProgressLine();
  try {
    return await run((progress) => line.show(progress));
  } finally {
    line.end();
  }
}

/** Why there is no trained model at the end of an attempt, and how to go on. `undefined` if there is one. */
async function endOf(
  folder: RunFolder,
  { run }: LocalRecord,
  progress: TrainingProgress,
  aborted: boolean,
): Promise<string | undefined> {
  const { end, step, steps, checkpoint } = progress;
  if (end === 'done') return undefined;
  if (folder.runningPid() !== undefined)
    return `The run ${run} goes on without this command. To stop it: npx budgetforce train stop ${run}`;
  const goOn = 'The same command goes on from there.';
  if (end === 'stopped') return `Stopped at step ${step} of ${steps} with ${checkpoint}. ${goOn}`;
  if (aborted)
    return checkpoint === undefined
      ? 'Stopped before the first step.'
      : `Stopped. The last checkpoint is ${checkpoint}. ${goOn}`;
  const failure = await folder.failure();
  if (failure !== undefined) return `${failure} (All of the output: ${folder.errors})`;
  return `The training ended at ${progressText(progress)} without saying why: was it killed? ${checkpoint === undefined ? 'The same command begins again.' : `Its last checkpoint is ${checkpoint}. ${goOn}`}`;
}

/** Ctrl-C asks for a checkpoint; the second one kills the training. */
function interruption(folder: RunFolder, attached: boolean) {
  const controller = new AbortController();
  const onSignal = () => {
    if (!controller.signal.aborted) {
      if (!attached)
        process.stderr.write(
          '\nStopping with a checkpoint. Press Ctrl-C again to lose the steps since the last one.\n',
        );
      return controller.abort();
    }
    const pid = folder.runningPid();
    if (pid !== undefined && !attached) process.kill(-pid, 'SIGKILL');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

/** Where the model is, and the commands that serve and evaluate it. */
async function result(folder: RunFolder, record: LocalRecord, { json, runs }: TrainValues): Promise<string> {
  const { steps, loss, firstLoss } = (await folder.readLog()).progress();
  const path = (file: string) => relative('', file) || '.';
  const served = existsSync(folder.gguf);
  const example = exampleIn(runs);
  const questions = record.data === example.data ? path(example.questions) : 'questions.jsonl';
  const commands = {
    start: `npx budgetforce start --model ${record.run}=${path(folder.gguf)} --format ${record.format}`,
    eval: `npx budgetforce eval --base-url http://localhost:8787/v1 --model ${record.run} --questions ${questions} --out ${path(folder.evaluation)}`,
  };
  if (json === true) {
    const files = { model: folder.model, ...(served ? { gguf: folder.gguf } : {}) };
    return `${JSON.stringify({ run: record.run, steps, firstLoss, loss, ...files, ...(served ? { commands } : {}) })}\n`;
  }
  const lines = [
    `${record.run}: ${steps} steps, loss ${firstLoss?.toFixed(3)} → ${loss?.toFixed(3)}`,
    `safetensors  ${path(folder.model)}`,
    ...(served
      ? [`GGUF         ${path(folder.gguf)}`, `To serve it:    ${commands.start}`, `To evaluate it: ${commands.eval}`]
      : [`vLLM serves the folder ${path(folder.model)}; npx budgetforce start --upstream URL answers in front of it.`]),
  ];
  return `${lines.join('\n')}\n`;
}
