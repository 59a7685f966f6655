import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Installs pinned Python packages into the user's cache if they are not there, and returns the folder of their commands.
 *
 * @param requirements - a requirements file. Its name and content name the environment.
 * @throws {Error} if Python or the package index fails; nothing half installed is left.
 */
export async function pythonTool(name: string, requirements: string): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'budgetforce', `${name}-${hash}`);
  const bin = join(folder, 'bin');
  const complete = join(folder, 'complete');
  if (existsSync(complete)) return bin;
  console.error(`Installing ${name} into ${folder} …`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const python = process.env['PYTHON'] || 'python3';
  for (const [file, ...rest] of [
    [python, '-m', 'venv', folder],
    [join(bin, 'pip'), 'install', '--quiet', '--disable-pip-version-check', '--requirement', requirements],
  ] as const) {
    const { status } = spawnSync(file, rest, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) {
      await rm(folder, { recursive: true, force: true });
      throw new Error(
        `${[file, ...rest].join(' ')} failed. It needs Python 3 with its venv module and a package index.`,
      );
    }
  }
  await writeFile(complete, '');
  return bin;
}
