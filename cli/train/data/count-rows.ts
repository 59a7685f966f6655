import { UsageError } from '../../usage-error.ts';
import { dataFiles } from './data-files.ts';
import { readRecords, unitOf } from './read-records.ts';

/** Size of a data set whose rows are not looked into. */
export interface DataSize {
  readonly rows: number;
  /** Characters of all texts. */
  readonly characters: number;
}

/**
 * Counts the rows of pairs and judged answers, which `budgetforce preferences export` has checked.
 *
 * @throws {UsageError} for a record that cannot be read, or if there is none
 */
export async function countRows(path: string): Promise<DataSize> {
  let rows = 0;
  let characters = 0;
  for (const file of await dataFiles(path)) {
    for await (const { number, value, problem } of readRecords(file)) {
      if (problem !== undefined) throw new UsageError(`${file}, ${unitOf(file)} ${number} ${problem}.`);
      rows++;
      characters += Object.values(Object(value)).reduce<number>(
        (sum, text) => sum + (typeof text === 'string' ? text.length : 0),
        0,
      );
    }
  }
  if (rows === 0) throw new UsageError(`${path} has no rows.`);
  return { rows, characters };
}
