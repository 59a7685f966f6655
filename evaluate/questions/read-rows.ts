import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import zlib from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { parquetReadObjects } from 'hyparquet';
import { UsageError } from '../../cli/usage-error.ts';

/** A row of a file. */
export interface FileRow {
  /** Where it is, for messages: `line 3` or `row 3`. */
  readonly at: string;
  /** From 1, in the file. */
  readonly number: number;
  readonly value: unknown;
}

/**
 * Reads the rows of a JSONL, JSON, CSV, TSV or Parquet file. The extension says which; a file of another extension is read by its
 * first bytes. JSON has a list of objects, or an object with one such list.
 *
 * @param limit rows to read, from the start
 * @throws {UsageError} if the file cannot be read; the message names the line
 */
export async function readRows(path: string, limit: number): Promise<readonly FileRow[]> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UsageError(
      cause.code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read: ${cause.message}`,
    );
  });
  const kind = kindOf(path, bytes);
  try {
    switch (kind) {
      case 'parquet':
        return numbered(await parquetRows(bytes, limit), limit);
      case 'json':
        return numbered(jsonRows(bytes.toString('utf8')), limit);
      case 'csv':
        return numbered(csvRows(bytes.toString('utf8'), extname(path).toLowerCase() === '.tsv' ? '\t' : ','), limit);
      case 'jsonl':
        return jsonLines(bytes.toString('utf8'), path, limit);
      default:
        return kind satisfies never;
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`${path} cannot be read as ${kind}: ${reason}`);
  }
}

type Kind = 'parquet' | 'json' | 'jsonl' | 'csv';

function kindOf(path: string, bytes: Buffer): Kind {
  const byExtension: Readonly<Record<string, Kind>> = {
    '.parquet': 'parquet',
    '.jsonl': 'jsonl',
    '.ndjson': 'jsonl',
    '.csv': 'csv',
    '.tsv': 'csv',
  };
  const known = byExtension[extname(path).toLowerCase()];
  if (known !== undefined) return known;
  if (bytes.subarray(0, 4).toString('latin1') === 'PAR1') return 'parquet';
  const text = withoutMark(bytes.toString('utf8')).trimStart();
  // A file that is called .json may still have an object in each line.
  if (text.startsWith('[')) return 'json';
  if (!text.startsWith('{')) return extname(path) === '.json' ? 'json' : 'jsonl';
  return isJson(text) && extname(path) === '.json' ? 'json' : 'jsonl';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function jsonLines(text: string, path: string, limit: number): readonly FileRow[] {
  return withoutMark(text)
    .split('\n')
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line.trim() !== '')
    .slice(0, limit)
    .map(({ line, number }) => {
      try {
        return { at: `line ${number}`, number, value: JSON.parse(line) };
      } catch (error) {
        throw new UsageError(`${path}, line ${number}, is not a valid question: ${String(error)}`);
      }
    });
}

function jsonRows(text: string): readonly unknown[] {
  const value: unknown = JSON.parse(withoutMark(text));
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null) {
    const lists = Object.values(value).filter((member) => Array.isArray(member));
    if (lists.length === 1) return lists[0] ?? [];
  }
  throw new Error('it has no list of questions');
}

function csvRows(text: string, delimiter: string): readonly unknown[] {
  return parse(text, { bom: true, columns: true, delimiter, skip_empty_lines: true, relax_column_count: false });
}

async function parquetRows(bytes: Buffer, limit: number): Promise<readonly unknown[]> {
  const file = new Uint8Array(bytes).buffer;
  const compressors = {
    GZIP: (input: Uint8Array) => new Uint8Array(zlib.gunzipSync(input)),
    BROTLI: (input: Uint8Array) => new Uint8Array(zlib.brotliDecompressSync(input)),
    // From Node 22.15.
    ...('zstdDecompressSync' in zlib
      ? { ZSTD: (input: Uint8Array) => new Uint8Array(zlib.zstdDecompressSync(input)) }
      : {}),
  };
  const rows = await parquetReadObjects({ file, compressors });
  return rows.slice(0, limit).map((row) => plain(row));
}

/** Parquet's 64-bit integers as numbers, or as text if they are too large. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null && !(value instanceof Date))
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]));
  return value;
}

function numbered(values: readonly unknown[], limit: number): readonly FileRow[] {
  return values.slice(0, limit).map((value, index) => ({ at: `row ${index + 1}`, number: index + 1, value }));
}

function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, '');
}
