import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** Stands in for Python and pip: a call with `--work FOLDER` writes every file that a training gives into the folder. */
const PYTHON = `#!/usr/bin/env bash
set -e
echo "$@" >> "$CALLS"
if [ "$1" = -c ]; then
  [ -z "\${SIZE:-}" ] && exit 1
  case "$2" in "import sys, torch"*) exit 1 ;; *) echo "$SIZE"; exit ;; esac
fi
if [ -n "\${NO_CPU_BUILD:-}" ] && [[ "$*" == *+cpu* ]]; then exit 1; fi
if [ "$1 $2" = "-m venv" ]; then
  mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && cp "$0" "$3/bin/pip" && exit
fi
while [ $# -gt 0 ]; do
  if [ "$1" = --work ]; then
    mkdir -p "$2/beyond" "$2/sets"
    for file in budgetforce-tiny.gguf budgetforce-small.gguf tokenizer.json questions.jsonl beyond/a.jsonl sets/a.jsonl; do
      echo trained > "$2/$file"
    done
  fi
  shift
done
`;

const models = [
  { script: 'training/run.sh', shipped: 'local/model', weights: 'budgetforce-tiny.gguf', recipe: 3_600 },
  {
    script: 'training/small/run.sh',
    shipped: 'local/models/budgetforce-small',
    weights: 'budgetforce-small.gguf',
    recipe: 4_200,
  },
];

describe.each(models)('$script', ({ script, shipped, weights, recipe }) => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'training-'));
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'python3'), PYTHON);
    await chmod(join(folder, 'bin', 'python3'), 0o755);
    await mkdir(join(folder, script, '..'), { recursive: true });
    await cp(script, join(folder, script));
    await cp('training/environment.sh', join(folder, 'training/environment.sh'));
    const requirements = join(dirname(script), 'requirements.txt');
    await cp(requirements, join(folder, requirements));
    await mkdir(join(folder, shipped), { recursive: true });
    for (const file of [weights, 'tokenizer.json', 'questions.jsonl'])
      await writeFile(join(folder, shipped, file), 'shipped\n');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const train = async (options: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    await run('bash', [join(folder, script), ...options], {
      env: {
        ...process.env,
        PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}`,
        CALLS: join(folder, 'calls'),
        ...environment,
      },
    });
  const calls = () => readFile(join(folder, 'calls'), 'utf8').catch(() => '');
  const shippedFiles = () =>
    Promise.all(
      [weights, 'tokenizer.json', 'questions.jsonl'].map((file) => readFile(join(folder, shipped, file), 'utf8')),
    );

  it('leaves the shipped model as it is', async () => {
    await train(['--steps', '3']);
    expect(await shippedFiles()).toEqual(['shipped\n', 'shipped\n', 'shipped\n']);
  });

  it('replaces the shipped model with --install', async () => {
    await train(['--install']);
    expect(await shippedFiles()).toEqual(['trained\n', 'trained\n', 'trained\n']);
  });

  it.each([
    ['--install', '--steps', '3'],
    ['--steps', '3', '--install'],
    ['--install', '--steps=3'],
    ['--install', '--steps', 'many'],
    ['--install', '--steps'],
  ])('refuses %s %s %s before it does anything', async (...options) => {
    await expect(train(options)).rejects.toThrow(/--steps|recipe/);
    expect(await calls()).toBe('');
    expect(await shippedFiles()).toEqual(['shipped\n', 'shipped\n', 'shipped\n']);
  });

  it('knows the number of steps of its recipe', async () => {
    const train = await readFile(join(dirname(script), 'train.py'), 'utf8');
    expect(Number(/"--steps", type=int, default=([\d_]+)/.exec(train)?.[1]?.replaceAll('_', ''))).toBe(recipe);
    expect(await readFile(script, 'utf8')).toContain(`read_options ${recipe} `);
  });

  it('takes a CPU build of PyTorch if the package index has one', async () => {
    await train(['--steps', '3'], { SIZE: '2.5 GB' });
    expect(await calls()).toMatch(/^install --quiet torch==[\d.]+\+cpu$/m);
  });

  it('downloads no CUDA libraries without being asked to', async () => {
    await expect(train(['--steps', '3'], { NO_CPU_BUILD: '1', SIZE: '2.5 GB' })).rejects.toThrow(
      /2\.5 GB to download[\s\S]*--download-cuda/,
    );
    expect(await calls()).not.toMatch(/--requirement|\.train|train\.py/);
    await train(['--steps', '3', '--download-cuda'], { NO_CPU_BUILD: '1', SIZE: '2.5 GB' });
    expect(await calls()).toMatch(/--requirement/);
    expect(await calls()).not.toMatch(/train.*--download-cuda/);
  });
});
