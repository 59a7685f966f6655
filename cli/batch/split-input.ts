import * as z from 'zod';
import { MAX_LINES } from '../../lambda/batches/read-input.ts';
import { UsageError } from '../usage-error.ts';

/** Largest upload of a request, in bytes: the API accepts bodies of 4 MB, and the form needs some of them. */
const MAX_BYTES = 3_900_000;

const lineSchema = z.looseObject({ url: z.string() });

/** A file of requests, in parts that can be uploaded. */
export interface SplitInput {
  readonly endpoint: string;
  readonly parts: readonly string[];
}

/**
 * Splits a file of requests into parts of at most 3.9 MB, each of which becomes a batch.
 *
 * @throws {UsageError} if the file has no requests, the first has no `url`, or one is too large
 */
export function splitInput(path: string, text: string, maxBytes = MAX_BYTES): SplitInput {
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first < 0) throw new UsageError(`${path} has no requests. Write one JSON object in each line.`);
  const parts: string[] = [];
  let part: string[] = [];
  let bytes = 0;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const length = Buffer.byteLength(line) + 1;
    if (length > maxBytes)
      throw new UsageError(`Line ${index + 1} of ${path} has ${length} bytes. A request may have ${maxBytes}.`);
    if (bytes + length > maxBytes || part.length === MAX_LINES) {
      parts.push(part.join(''));
      [part, bytes] = [[], 0];
    }
    part.push(`${line}\n`);
    bytes += length;
  }
  return { endpoint: endpointOf(path, lines[first] ?? '', first + 1), parts: [...parts, part.join('')] };
}

function endpointOf(path: string, line: string, number: number): string {
  try {
    return lineSchema.parse(JSON.parse(line)).url;
  } catch {
    throw new UsageError(
      `Line ${number} of ${path} is no request. Write {"custom_id": "…", "method": "POST", "url": "/v1/chat/completions", "body": {…}}.`,
    );
  }
}
