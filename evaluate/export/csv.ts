import { resultSchema } from '../results.ts';
import type { Exported, ExportedFile } from './exported.ts';

/** All results as one CSV file (RFC 4180), with the columns of `results.jsonl`. Objects are JSON, and `null` is an empty cell. */
export function csvFiles({ byCondition }: Exported): readonly ExportedFile[] {
  const columns = resultSchema.keyof().options;
  const rows = [...byCondition.values()].flat().map((result) => columns.map((column) => cell(result[column])));
  return [{ path: 'results.csv', text: [columns, ...rows].map((row) => `${row.join(',')}\r\n`).join('') }];
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // An empty text is quoted, so that it differs from null.
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
