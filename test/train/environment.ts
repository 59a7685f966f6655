import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const requirements = join(root, 'training/sft/requirements.txt');

/** The Python of training/sft's environment, which is kept in the user's cache. Asks before it downloads CUDA libraries, unless `cuda`. */
export async function installEnvironment(cuda: boolean): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'budgetforce', `train-${hash}`);
  await mkdir(folder, { recursive: true });
  const script = '. "$1" && make_environment "$2" "$3" "$4"';
  const environment = join(root, 'training/environment.sh');
  runOrExit('bash', ['-euc', script, 'bash', environment, folder, requirements, cuda ? 'yes' : 'no']);
  return join(folder, 'bin/python');
}

/** Runs a command whose failure ends the check. */
export function runOrExit(file: string, arguments_: readonly string[]): void {
  const { status, error } = spawnSync(file, arguments_, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`${[file, ...arguments_].join(' ')} ended with ${status ?? error?.message}.`);
  process.exit(1);
}
