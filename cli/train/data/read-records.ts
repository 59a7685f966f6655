import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import zlib from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { UsageError } from '../../usage-error.ts';
import { splitArray } from './split-array.ts';

/** A record of a file, or why it is none. */
export interface FileRecord {
  /** Line of a JSONL file, otherwise row. From 1. */
  readonly number: number;
  readonly value: unknown;
  /** Why the record cannot be read. `undefined` if it can. */
  readonly problem?: string | undefined;
}

/** What counts the records of a file. */
export function unitOf(file: string): 'line' | 'row' {
  return extname(file) === '.jsonl' ? 'line' : 'row';
}

/**
 * Reads a JSONL file, a JSON array or a Parquet file, one record after the other: what is in memory does not grow with the file. Lines
 * with white space alone are left out. A record that is no JSON does not end the reading.
 *
 * @throws {UsageError} if the file as a whole cannot be read
 */
export async function* readRecords(file: string): AsyncGenerator<FileRecord> {
  switch (extname(file)) {
    case '.parquet':
      return yield* parquetRecords(file);
    case '.json':
      return yield* arrayRecords(file);
    default:
      return yield* lineRecords(file);
  }
}

async function* lineRecords(file: string): AsyncGenerator<FileRecord> {
  let number = 0;
  for await (const line of linesOf(file)) {
    number++;
    const record = parse(line, number);
    if (record !== undefined) yield record;
  }
}

/** Bytes of each line. UTF-8 has no newline inside a character. */
async function* linesOf(file: string): AsyncGenerator<Buffer> {
  const rest: Buffer[] = [];
  for await (const chunk of chunksOf(file)) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, end)]);
      rest.length = 0;
      from = end + 1;
    }
    rest.push(chunk.subarray(from));
  }
  yield Buffer.concat(rest);
}

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(file)) yield chunk as Buffer;
  } catch (cause) {
    throw new UsageError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
}

async function* arrayRecords(file: string): AsyncGenerator<FileRecord> {
  let number = 0;
  try {
    for await (const element of splitArray(chunksOf(file))) {
      number++;
      yield parse(element, number) ?? { number, value: undefined, problem: 'is empty' };
    }
  } catch (cause) {
    if (cause instanceof SyntaxError)
      throw new UsageError(
        `${file} is no JSON array: ${cause.message}. Write an array of rows, or JSONL with one object a line.`,
      );
    throw cause;
  }
}

/** A record of JSON text. `undefined` if there is nothing but white space. */
function parse(bytes: Buffer, number: number): FileRecord | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { number, value: undefined, problem: 'is not UTF-8. Save the file as UTF-8' };
  }
  if (text.trim() === '') return undefined;
  try {
    return { number, value: JSON.parse(text) };
  } catch (cause) {
    return { number, value: undefined, problem: `is no JSON: ${cause instanceof Error ? cause.message : cause}` };
  }
}

async function* parquetRecords(file: string): AsyncGenerator<FileRecord> {
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    let start = 0;
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      const rows = await parquetReadObjects({ file: buffer, metadata, rowStart: start, rowEnd: end, compressors });
      for (const [index, value] of rows.entries()) yield { number: start + index + 1, value };
      start = end;
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(
      `${file} is no Parquet file that can be read: ${cause instanceof Error ? cause.message : cause}`,
    );
  }
}

const compressors = {
  GZIP: (input: Uint8Array) => new Uint8Array(zlib.gunzipSync(input)),
  BROTLI: (input: Uint8Array) => new Uint8Array(zlib.brotliDecompressSync(input)),
  // From Node 22.15.
  ...('zstdDecompressSync' in zlib
    ? { ZSTD: (input: Uint8Array) => new Uint8Array(zlib.zstdDecompressSync(input)) }
    : {}),
};
