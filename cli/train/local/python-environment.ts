import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../usage-error.ts';
import { trainingFiles } from './training-files.ts';

export interface EnvironmentOptions {
  /** Command of a Python that has the packages. */
  readonly python?: string | undefined;
  /** Folder of the environment. @default - one in the user's cache, by the hash of the requirements */
  readonly venv?: string | undefined;
  /** Whether PyTorch's CUDA libraries may be downloaded without a question. */
  readonly downloadCuda?: boolean | undefined;
}

/** Prints the version of Python, and of each package of the requirements that it has. */
const PROBE = `
import importlib.metadata as metadata, json, sys
def version(name):
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None
print(json.dumps({"python": list(sys.version_info[:2]), "packages": {name: version(name) for name in sys.argv[1:]}}))`;

const OLDEST = [3, 11] as const;

/**
 * Finds a Python with the packages of training/sft, or makes an environment that has them.
 *
 * @returns the command of Python
 * @throws {UsageError} if `python` lacks packages; {Error} if the environment cannot be made
 */
export function trainingPython({ python, venv, downloadCuda = false }: EnvironmentOptions): string {
  if (python !== undefined) {
    const problem = problemOf(python);
    if (problem === undefined) return python;
    throw new UsageError(
      `--python ${python} ${problem}. Install them: ${python} -m pip install --requirement ${trainingFiles.requirements}`,
    );
  }
  const folder = venv ?? defaultFolder();
  const own = join(folder, 'bin', 'python');
  if (existsSync(own) && problemOf(own, 'exact') === undefined) return own;
  if (venv === undefined && problemOf('python3', 'exact') === undefined) return 'python3';
  makeEnvironment(folder, downloadCuda);
  return own;
}

function defaultFolder(): string {
  const hash = createHash('sha256').update(readFileSync(trainingFiles.requirements)).digest('hex').slice(0, 12);
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'budgetforce', `train-${hash}`);
}

/** Names and versions of requirements.txt. */
function requirements(): Readonly<Record<string, string>> {
  const lines = readFileSync(trainingFiles.requirements, 'utf8').split('\n');
  return Object.fromEntries(
    lines.flatMap((line) => [/^([\w-]+)==([\w.]+)/.exec(line)?.slice(1, 3) ?? []]).filter(isPair),
  );
}

function isPair(values: readonly string[]): values is [string, string] {
  return values.length === 2;
}

/** What a Python lacks: the end of a sentence. `undefined` if nothing. `exact`: other versions count as missing. */
function problemOf(command: string, versions: 'any' | 'exact' = 'any'): string | undefined {
  const wanted = requirements();
  const { status, stdout } = spawnSync(command, ['-c', PROBE, ...Object.keys(wanted)], { encoding: 'utf8' });
  if (status !== 0) return 'cannot be run as Python';
  const found: { readonly python: [number, number]; readonly packages: Record<string, string | null> } =
    JSON.parse(stdout);
  if (isTooOld(found.python))
    return `is Python ${found.python.join('.')}, but the script needs ${OLDEST.join('.')} or later`;
  const missing = Object.entries(wanted).filter(([name, version]) => {
    const has = found.packages[name] ?? undefined;
    return has === undefined || (versions === 'exact' && has !== version);
  });
  return missing.length === 0 ? undefined : `lacks the packages ${missing.map(([name]) => name).join(', ')}`;
}

function isTooOld([major, minor]: readonly [number, number]): boolean {
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

function makeEnvironment(folder: string, downloadCuda: boolean): void {
  const version = spawnSync('python3', ['-c', 'import sys; print(*sys.version_info[:2])'], { encoding: 'utf8' });
  const [major = 0, minor = 0] = (version.stdout ?? '').trim().split(' ').map(Number);
  if (version.status !== 0 || isTooOld([major, minor])) {
    throw new Error(
      `Training needs python3, ${OLDEST.join('.')} or later; ${version.status === 0 ? `this is ${major}.${minor}` : 'there is none on the path'}. Install it, or name one that has the packages of ${trainingFiles.requirements}: --python COMMAND.`,
    );
  }
  process.stderr.write(`Making the Python environment ${folder}. Its packages take about 2 GB.\n`);
  mkdirSync(folder, { recursive: true });
  const script = '. "$1" && make_environment "$2" "$3" "$4"';
  const arguments_ = [trainingFiles.environment, folder, trainingFiles.requirements, downloadCuda ? 'yes' : 'no'];
  const { status } = spawnSync('bash', ['-euc', script, 'bash', ...arguments_], { stdio: ['inherit', 2, 2] });
  if (status === 0) return;
  throw new Error(
    `The Python environment ${folder} could not be made; what failed is above. It needs a package index that can be reached (PIP_INDEX_URL names another one). On a machine without one, name a Python that has the packages of ${trainingFiles.requirements}: --python COMMAND.`,
  );
}
