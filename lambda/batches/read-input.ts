import * as z from 'zod';
import { describeIssue } from '../http/describe-issue.ts';
import { isDeeperThan } from '../http/json-depth.ts';
import type { BatchEndpoint, InputError } from './records.ts';

/** Most lines of a batch, as OpenAI's. */
export const MAX_LINES = 50_000;
/** Errors that a batch reports. */
const MAX_ERRORS = 100;
const MAX_CUSTOM_ID = 512;
/** Deepest nesting of a line: that of a body of the API, and the line around it. */
const MAX_DEPTH = 513;

/** A request of an input file. */
export interface InputLine {
  readonly customId: string;
  /** JSON text of the body. */
  readonly body: string;
}

const lineSchema = z.looseObject({
  custom_id: z.string().min(1).max(MAX_CUSTOM_ID),
  method: z.literal('POST'),
  url: z.string(),
  body: z.looseObject({ model: z.string().min(1), stream: z.literal(false).nullish() }),
});

/**
 * Reads the input file of a batch: one JSON object in each line, with `custom_id`, `method`, `url` and `body`. Empty lines are left out.
 * Bodies are checked by the endpoint when they run; what is wrong with one of them is its result.
 *
 * Source: https://platform.openai.com/docs/guides/batch
 */
export function readInput(
  bytes: Uint8Array,
  endpoint: BatchEndpoint,
): { readonly lines: readonly InputLine[]; readonly errors: readonly InputError[] } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { lines: [], errors: [{ code: 'invalid_encoding', message: 'The file is not UTF-8. Save it as UTF-8.' }] };
  }
  const lines: InputLine[] = [];
  const errors: InputError[] = [];
  const seen = new Map<string, number>();
  for (const [index, raw] of text.split('\n').entries()) {
    if (raw.trim() === '') continue;
    const line = index + 1;
    const read = readLine(raw, endpoint);
    if ('code' in read) errors.push({ ...read, line });
    else {
      const first = seen.get(read.customId);
      if (first === undefined) seen.set(read.customId, line);
      else {
        const message = `custom_id ${JSON.stringify(read.customId.slice(0, 64))} is already in line ${first}. Give each line its own.`;
        errors.push({ code: 'duplicate_custom_id', message, param: 'custom_id', line });
      }
      lines.push(read);
    }
    if (errors.length >= MAX_ERRORS) break;
  }
  if (errors.length > 0) return { lines: [], errors };
  if (lines.length === 0) return { lines, errors: [{ code: 'empty_file', message: 'The file has no requests.' }] };
  if (lines.length > MAX_LINES) {
    const message = `The file has ${lines.length} requests; a batch may have ${MAX_LINES}. Split the file.`;
    return { lines: [], errors: [{ code: 'too_many_requests', message }] };
  }
  return { lines, errors };
}

function readLine(raw: string, endpoint: BatchEndpoint): InputLine | InputError {
  let input: unknown;
  try {
    input = JSON.parse(raw);
  } catch {
    return { code: 'invalid_json_line', message: 'The line is not valid JSON. Write one JSON object in each line.' };
  }
  if (isDeeperThan(input, MAX_DEPTH)) {
    const message = `The line is nested deeper than ${MAX_DEPTH} levels. Send deep values as strings.`;
    return { code: 'invalid_json_line', message };
  }
  const parsed = lineSchema.safeParse(input);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    if (issue === undefined) return { code: 'invalid_line', message: 'The line is not valid.' };
    const { field, message } = describeIssue(issue, input);
    return { code: 'invalid_line', message, param: field };
  }
  const { custom_id: customId, url, body } = parsed.data;
  if (url !== endpoint) {
    const message = `url is ${JSON.stringify(url.slice(0, 64))}, but the batch is for ${endpoint}. Write the same in both.`;
    return { code: 'mismatched_url', message, param: 'url' };
  }
  return { customId, body: JSON.stringify(body) };
}
