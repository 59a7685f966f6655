import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOptional } from '../../../evaluate/folder/lines-file.ts';
import { ResultFolder } from '../../../evaluate/folder/result-folder.ts';
import { UsageError } from '../../usage-error.ts';
import type { LocalRecord } from '../run-record.ts';
import { TailedLines } from '../tailed-lines.ts';
import type { RunStatus, TrainingRun } from '../training-run.ts';
import { type LocalState, RunFolder } from './run-folder.ts';

/** Most time until a stopped training has written its checkpoint, in milliseconds. torchrun kills its workers 30 seconds after SIGTERM. */
const STOP_MS = 60_000;

/** A run on this machine. */
export class LocalRun implements TrainingRun {
  readonly run: string;
  readonly #record: LocalRecord;
  readonly #folder: RunFolder;

  constructor(record: LocalRecord, path: string) {
    this.run = record.run;
    this.#record = record;
    this.#folder = new RunFolder(path);
  }

  get howToEvaluate(): string {
    return `npx budgetforce eval … --out ${relative('', this.#folder.evaluation)}, as train start says at its end`;
  }

  async status(): Promise<RunStatus> {
    const [state, log] = [await this.#folder.state(), await this.#folder.readLog()];
    const { secondsLeft, ...progress } = log.progress();
    return {
      run: this.run,
      place: 'this machine',
      state,
      started: this.#record.created,
      progress: { ...progress, secondsLeft: state === 'running' ? secondsLeft : undefined },
      dollars: { value: 0, formula: 'this machine' },
      notes: await this.#notes(state, progress.checkpoint),
    };
  }

  async #notes(state: LocalState, checkpoint: string | undefined): Promise<readonly string[]> {
    const goOn = `npx budgetforce train start --local with the same options goes on${checkpoint === undefined ? '' : ` from ${checkpoint}`}.`;
    switch (state) {
      case 'new':
        return ['No step was trained.', goOn];
      case 'running':
        return [];
      case 'failed':
        return [`${await this.#folder.failure()} (${this.#folder.errors})`];
      case 'stopped':
      case 'interrupted':
        return [goOn];
      case 'trained':
        return ['The model is trained, but not exported. The same npx budgetforce train start --local exports it.'];
      case 'done':
        return [`Its model is in ${relative('', this.#folder.model)}`];
      default:
        return state satisfies never;
    }
  }

  async *logs(follow: boolean, signal: AbortSignal): AsyncGenerator<string> {
    const lines = new TailedLines(this.#folder.log);
    for (;;) {
      const running = follow && !signal.aborted && this.#folder.runningPid() !== undefined;
      yield* await lines.read();
      if (!running) break;
      await sleep(500, undefined, { signal }).catch(() => {});
    }
    const errors = await readOptional(this.#folder.errors);
    if (errors !== undefined) yield* errors.split('\n').filter((line) => line.trim() !== '');
  }

  async stop(): Promise<string> {
    const pid = this.#folder.runningPid();
    if (pid === undefined)
      throw new UsageError(`The run ${this.run} is not running: it is ${await this.#folder.state()}.`);
    process.kill(pid, 'SIGTERM');
    const until = performance.now() + STOP_MS;
    while (this.#folder.runningPid() !== undefined) {
      if (performance.now() > until)
        throw new Error(`The run ${this.run} does not end (process ${pid}). Kill it: kill -9 -${pid}`);
      await sleep(200);
    }
    const { step, steps, checkpoint, end } = (await this.#folder.readLog()).progress();
    return end === 'stopped'
      ? `Stopped at step ${step} of ${steps} with ${checkpoint}. The same train start --local goes on from there.`
      : `Stopped before the first step of this start.${checkpoint === undefined ? '' : ` Its last checkpoint is ${checkpoint}.`}`;
  }

  async losses() {
    return (await this.#folder.readLog()).losses;
  }

  async evaluations(): Promise<Readonly<Record<string, ResultFolder>>> {
    const folder = await ResultFolder.open(this.#folder.evaluation).catch((cause: unknown) => {
      if (cause instanceof UsageError && cause.message.includes('holds no results')) return undefined;
      throw cause;
    });
    return folder === undefined ? {} : { evaluation: folder };
  }
}
