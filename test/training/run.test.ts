import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);

/** Stands in for Python and pip: a call with `--work FOLDER` writes every file that a training gives into the folder. */
const PYTHON = `#!/usr/bin/env bash
set -e
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
  { script: 'training/run.sh', shipped: 'local/model', weights: 'budgetforce-tiny.gguf' },
  { script: 'training/small/run.sh', shipped: 'local/models/budgetforce-small', weights: 'budgetforce-small.gguf' },
];

describe.each(models)('$script', ({ script, shipped, weights }) => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'training-'));
    await mkdir(join(folder, 'bin'));
    await writeFile(join(folder, 'bin', 'python3'), PYTHON);
    await chmod(join(folder, 'bin', 'python3'), 0o755);
    await mkdir(join(folder, script, '..'), { recursive: true });
    await cp(script, join(folder, script));
    await mkdir(join(folder, shipped), { recursive: true });
    for (const file of [weights, 'tokenizer.json', 'questions.jsonl'])
      await writeFile(join(folder, shipped, file), 'shipped\n');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const train = (...options: string[]) =>
    run('bash', [join(folder, script), ...options], {
      env: { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH'] ?? ''}` },
    });
  const shippedFiles = () =>
    Promise.all(
      [weights, 'tokenizer.json', 'questions.jsonl'].map((file) => readFile(join(folder, shipped, file), 'utf8')),
    );

  it('leaves the shipped model as it is', async () => {
    await train('--steps', '3');
    expect(await shippedFiles()).toEqual(['shipped\n', 'shipped\n', 'shipped\n']);
  });

  it('replaces the shipped model with --install', async () => {
    await train('--install', '--steps', '3');
    expect(await shippedFiles()).toEqual(['trained\n', 'trained\n', 'trained\n']);
  });
});
