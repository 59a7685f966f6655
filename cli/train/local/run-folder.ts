import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TrainingLog } from '../training-log.ts';

/** State of a run on this machine. `interrupted`: its processes ended without a word, as by SIGKILL. */
export type LocalState = 'new' | 'running' | 'stopped' | 'failed' | 'interrupted' | 'trained' | 'done';

/** The folder of a run on this machine. */
export class RunFolder {
  readonly path: string;
  /** The embedded model in Hugging Face's layout. */
  readonly base: string;
  /** The trained model in Hugging Face's layout. */
  readonly model: string;
  readonly checkpoints: string;
  readonly gguf: string;
  /** Standard output of the training, of all attempts. */
  readonly log: string;
  /** Standard error of the last attempt. */
  readonly errors: string;
  /** Results of `budgetforce eval`, which `compare` reads. */
  readonly evaluation: string;
  readonly #process: string;
  readonly #done: string;

  /** @param folder path, from where the command runs. The paths of the instance are absolute: they name the run from everywhere. */
  constructor(folder: string) {
    const path = resolve(folder);
    this.path = path;
    this.base = join(path, 'base');
    this.model = join(path, 'model');
    this.checkpoints = join(path, 'checkpoints');
    this.gguf = join(path, 'model.gguf');
    this.log = join(path, 'log.jsonl');
    this.errors = join(path, 'errors.log');
    this.evaluation = join(path, 'evaluation');
    this.#process = join(path, 'process');
    this.#done = join(path, 'done');
  }

  async readLog(): Promise<TrainingLog> {
    const log = new TrainingLog();
    const text = await readFile(this.log, 'utf8').catch(() => '');
    for (const line of text.split('\n')) log.add(line);
    return log;
  }

  async state(): Promise<LocalState> {
    if (this.runningPid() !== undefined) return 'running';
    if ((await stat(this.#done).catch(() => undefined)) !== undefined) return 'done';
    if ((await stat(this.log).catch(() => undefined)) === undefined) return 'new';
    const { end } = (await this.readLog()).progress();
    if (end === 'done') return 'trained';
    if (end === 'stopped') return 'stopped';
    return (await this.failure()) === undefined ? 'interrupted' : 'failed';
  }

  /** Why the last attempt failed, in its own words. */
  async failure(): Promise<string | undefined> {
    const text = await readFile(this.errors, 'utf8').catch(() => '');
    return /^error: (.*)$/m.exec(text)?.[1] ?? /^(?!.*SignalException)[\w.]*(?:Error|Exception)\b.*$/m.exec(text)?.[0];
  }

  /** Process of torchrun, if it runs. Another process that has got its number is not taken for it. */
  runningPid(): number | undefined {
    let pid: number;
    try {
      pid = Number(readFileSync(this.#process, 'utf8'));
    } catch {
      return undefined;
    }
    if (!Number.isInteger(pid) || pid < 2) return undefined;
    try {
      const command = execFileSync('ps', ['-o', 'stat=,args=', '-ww', '-p', String(pid)], { encoding: 'utf8' });
      return command.includes(this.model) && !command.trimStart().startsWith('Z') ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** Reserves the run for one process, which `notePid` names. Throws if another start has reserved it just now. */
  async reserve(): Promise<{ notePid(pid: number): Promise<void> }> {
    await rm(this.#process, { force: true });
    const file = await open(this.#process, 'wx');
    return {
      notePid: async (pid) => {
        await file.writeFile(String(pid));
        await file.close();
      },
    };
  }

  async markDone(): Promise<void> {
    const file = await open(this.#done, 'w');
    await file.close();
  }
}
