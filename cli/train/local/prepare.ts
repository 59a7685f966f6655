import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunFolder } from './run-folder.ts';
import { repositoryFiles, trainingFiles } from './training-files.ts';

/** Example rows for the embedded model, and questions that are not among them. */
export interface Example {
  readonly data: string;
  readonly questions: string;
}

export function exampleIn(runs: string): Example {
  return { data: join(runs, 'example/train.jsonl'), questions: join(runs, 'example/questions.jsonl') };
}

/** Writes the example rows, which are the same each time, unless they are there. */
export async function writeExample(python: string, runs: string): Promise<Example> {
  const example = exampleIn(runs);
  if (!existsSync(example.data) || !existsSync(example.questions)) {
    await mkdir(runs, { recursive: true });
    runPython(python, [repositoryFiles.skill, '--out', join(runs, 'example')]);
  }
  return example;
}

/** Writes the embedded model in Hugging Face's layout, unless it is there. It appears as a whole. */
export async function writeBase(python: string, folder: RunFolder): Promise<string> {
  if ((await stat(folder.base).catch(() => undefined)) !== undefined) return folder.base;
  const part = `${folder.base}.${process.pid}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(folder.path, { recursive: true });
  runPython(python, [repositoryFiles.exportSafetensors, '--out', part]);
  await rename(part, folder.base);
  return folder.base;
}

/**
 * Writes the trained model as GGUF for `budgetforce start`.
 *
 * @returns why it could not be written. `undefined` if it was.
 */
export async function writeGguf(python: string, folder: RunFolder, name: string): Promise<string | undefined> {
  const part = `${folder.gguf}.${process.pid}.part`;
  const arguments_ = [trainingFiles.export, 'gguf', '--model', folder.model, '--out', part, '--name', name];
  const { status, stderr } = spawnSync(python, arguments_, { encoding: 'utf8' });
  if (status === 0) {
    await rename(part, folder.gguf);
    return undefined;
  }
  await rm(part, { force: true });
  return /^error: (.*)$/m.exec(stderr)?.[1] ?? stderr.trim().split('\n').at(-1) ?? 'export.py failed';
}

function runPython(python: string, arguments_: readonly string[]): void {
  const { status, stderr } = spawnSync(python, arguments_, { encoding: 'utf8' });
  if (status === 0) return;
  throw new Error(`${[python, ...arguments_].join(' ')} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`);
}
