import type { RunSettings } from '../folder/run-settings.ts';
import type { Question } from '../questions/question.ts';
import type { Result } from '../results.ts';

/** What a folder holds, by condition. */
export interface Exported {
  readonly settings: RunSettings;
  readonly questions: ReadonlyMap<string, Question>;
  /** Results of each condition, in the order of questions, seeds and samples. */
  readonly byCondition: ReadonlyMap<string, readonly Result[]>;
}

/** A file of an export: its path in the folder of the export, and its text. */
export interface ExportedFile {
  readonly path: string;
  readonly text: string;
}

/** A name that is safe in a file's name. */
export function fileName(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9._-]+/g, '-');
}

/** Standard error of the mean over questions, each with the mean of its answers. */
export function standardError(results: readonly Result[]): number {
  const means = Object.values(Object.groupBy(results, ({ question }) => question)).map(
    (own = []) => own.filter(({ correct }) => correct).length / own.length,
  );
  if (means.length < 2) return 0;
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length;
  const squares = means.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (means.length - 1) / means.length);
}

/** Time of the first request. */
export function startOf(results: readonly Result[]): string {
  return results.map(({ startedAt }) => startedAt).toSorted()[0] ?? '';
}
