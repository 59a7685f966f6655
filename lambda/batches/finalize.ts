import type { FileStore } from '../retrieval/stores/file-store.ts';
import type { BatchStore } from './batch-store.ts';
import { errorLine, type LineError, lineId } from './line-result.ts';
import type { InputLine } from './read-input.ts';
import type { BatchRecord, LineRecord } from './records.ts';

/** Size from which a segment of a file is written, in bytes. */
const SEGMENT_BYTES = 8_000_000;
/** Results that are read at once. */
const READ_AT_ONCE = 16;

/** The files of a batch that has ended. A file without lines does not exist. */
export type OutputFiles = Pick<BatchRecord, 'outputFileId' | 'errorFileId'>;

/**
 * Writes the output file and the error file of a batch, with lines in the order of the input. Repeated, it writes the same files.
 *
 * @param input lines of the input, for those without a result
 * @param lines what is known of each line, by its index
 * @param because why lines have no result
 */
export async function writeOutput(
  { id, key, counts, outputSeconds }: BatchRecord,
  input: readonly InputLine[],
  lines: ReadonlyMap<number, LineRecord>,
  because: LineError,
  { store, files }: { readonly store: BatchStore; readonly files: FileStore },
): Promise<OutputFiles> {
  const write = async (kind: 'output' | 'error') => {
    const indices = Array.from({ length: counts.total }, (_, index) => index).filter(
      (index) => (lines.get(index)?.result ?? 'error') === kind,
    );
    const textOf = async (index: number) => {
      if (lines.get(index)?.result !== undefined) return await store.result(id, index);
      return Buffer.from(errorLine(lineId(id, index), input[index] ?? { customId: '' }, because));
    };
    const file = { id: `file-${id.replace(/^batch_/, '')}-${kind}`, filename: `${id}_${kind}.jsonl` };
    return await files.createInSegments(key, { ...file, expiresSeconds: outputSeconds }, segmentsOf(indices, textOf));
  };
  const output = await write('output');
  const error = await write('error');
  return {
    ...(output === undefined ? {} : { outputFileId: output.id }),
    ...(error === undefined ? {} : { errorFileId: error.id }),
  };
}

/** Lines of a file, joined to segments of some megabytes. */
async function* segmentsOf(
  indices: readonly number[],
  textOf: (index: number) => Promise<Uint8Array | undefined>,
): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (let start = 0; start < indices.length; start += READ_AT_ONCE) {
    const texts = await Promise.all(indices.slice(start, start + READ_AT_ONCE).map(textOf));
    for (const text of texts) {
      if (text === undefined) continue;
      parts.push(text, LINE_BREAK);
      bytes += text.length + 1;
    }
    if (bytes < SEGMENT_BYTES) continue;
    yield Buffer.concat(parts);
    [parts, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

const LINE_BREAK = Buffer.from('\n');
