import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UsageError } from '../../cli/usage-error.ts';
import { ResultFolder } from '../folder/result-folder.ts';
import type { Result } from '../results.ts';
import { csvFiles } from './csv.ts';
import type { Exported, ExportedFile } from './exported.ts';
import { inspectFiles } from './inspect.ts';
import { lmEvalFiles } from './lm-eval.ts';

export const exportFormats = ['inspect', 'lm-eval', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

const formats: Readonly<Record<ExportFormat, (exported: Exported) => readonly ExportedFile[]>> = {
  inspect: inspectFiles,
  'lm-eval': lmEvalFiles,
  csv: csvFiles,
};

/**
 * Writes the results of a folder for another tool.
 *
 * @param out folder of the export. If omitted, a folder of the format's name inside the results.
 * @returns the written paths
 * @throws {UsageError} if the folder has no results
 */
export async function exportFolder(
  path: string,
  format: ExportFormat,
  out = join(path, format),
): Promise<readonly string[]> {
  const { settings, questions, results } = await ResultFolder.open(path);
  if (results.length === 0) throw new UsageError(`${path} has no answers yet, so there is nothing to export.`);
  const order = new Map(questions.map(({ id }, index) => [id, index]));
  const byCondition = new Map<string, Result[]>();
  for (const result of results) {
    const own = byCondition.get(result.condition) ?? [];
    own.push(result);
    byCondition.set(result.condition, own);
  }
  const place = (result: Result) => order.get(result.question) ?? questions.length;
  for (const own of byCondition.values())
    own.sort((a, b) => place(a) - place(b) || a.seed - b.seed || a.sample - b.sample);
  const files = formats[format]({
    settings,
    questions: new Map(questions.map((question) => [question.id, question])),
    byCondition,
  });
  for (const file of files) {
    await mkdir(dirname(join(out, file.path)), { recursive: true });
    await writeFile(join(out, file.path), file.text);
  }
  return files.map((file) => join(out, file.path));
}
