import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { TailedLines } from '../tailed-lines.ts';
import { TrainingLog, type TrainingProgress } from '../training-log.ts';
import type { RunFolder } from './run-folder.ts';
import { trainingFiles } from './training-files.ts';

export interface LocalTraining {
  readonly folder: RunFolder;
  /** Command of Python. */
  readonly python: string;
  readonly processes: number;
  /** Arguments of train.py. */
  readonly arguments: readonly string[];
}

export interface FollowOptions {
  /** Called when there is something new. */
  readonly onProgress: (progress: TrainingProgress) => void;
  /** @default 500 */
  readonly pollMs?: number;
}

/**
 * Trains in processes of their own, which write their output into the folder: if this program dies, they go on. `signal` stops them with
 * a checkpoint; a second abort does not exist, so the caller kills them if it must.
 *
 * @returns how far the training is when its processes have ended
 */
export async function runTraining(
  training: LocalTraining,
  signal: AbortSignal,
  options: FollowOptions,
): Promise<TrainingProgress> {
  const { folder, python, processes } = training;
  const { notePid } = await folder.reserve();
  const [out, errors] = [openSync(folder.log, 'a'), openSync(folder.errors, 'w')];
  const child = spawn(
    python,
    [
      ...['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', String(processes)],
      ...[trainingFiles.train, ...training.arguments],
    ],
    // A process group of its own: Ctrl-C reaches this program alone, which asks for a checkpoint.
    { stdio: ['ignore', out, errors], detached: true, env: trainingEnvironment(processes) },
  );
  closeSync(out);
  closeSync(errors);
  const exit = once(child, 'exit');
  exit.catch(() => {});
  if (child.pid === undefined) {
    await exit;
    throw new Error(`${python} cannot be started.`);
  }
  await notePid(child.pid);
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let ended = false;
  exit.then(() => {
    ended = true;
  });
  try {
    return await follow(folder, () => !ended, options);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Follows a training until `isRunning` is false. */
export async function follow(
  folder: RunFolder,
  isRunning: () => boolean,
  { onProgress, pollMs = 500 }: FollowOptions,
): Promise<TrainingProgress> {
  const log = new TrainingLog();
  const lines = new TailedLines(folder.log);
  for (;;) {
    // Asked before reading, so that nothing is missed at the end.
    const running = isRunning();
    const found = await lines.read();
    for (const line of found) log.add(line);
    if (found.length > 0) onProgress(log.progress());
    if (!running) return log.progress();
    await sleep(pollMs);
  }
}

/** PyTorch's threads share the cores among the processes. */
function trainingEnvironment(processes: number): NodeJS.ProcessEnv {
  const threads = Math.max(1, Math.floor(availableParallelism() / processes));
  return { OMP_NUM_THREADS: String(threads), ...process.env };
}
