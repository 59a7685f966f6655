import { spawnSync } from 'node:child_process';
import { trainingPython } from '../../cli/train/local/python-environment.ts';

/** A Python with training/sft's packages, in the user's cache if it is made here. Asks before it downloads CUDA libraries, unless `cuda`. */
export async function installEnvironment(cuda: boolean): Promise<string> {
  return trainingPython({ downloadCuda: cuda });
}

/** Runs a command whose failure ends the check. */
export function runOrExit(file: string, arguments_: readonly string[]): void {
  const { status, error } = spawnSync(file, arguments_, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`${[file, ...arguments_].join(' ')} ended with ${status ?? error?.message}.`);
  process.exit(1);
}
