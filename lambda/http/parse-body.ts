import type * as z from 'zod';
import { ApiError } from '../errors/api-error.ts';
import { isDeeperThan } from './json-depth.ts';
import { refuseIssues } from './refuse-issues.ts';

/** Deepest nesting of a body. Beyond it, writing a value as JSON again would exhaust the stack. */
const MAX_DEPTH = 512;

/**
 * Parses the JSON body of a request.
 *
 * @param prepare called with the JSON object and its text before it is validated; returns what the schema validates
 *
 * @throws {ApiError} 400 that names the field, what was received and what is allowed; 415 if the content type is not JSON.
 */
export async function parseBody<Schema extends z.ZodType>(
  request: Request,
  schema: Schema,
  prepare: (input: object, text: string) => unknown = (input) => input,
): Promise<z.infer<Schema>> {
  const type = request.headers.get('content-type') ?? '';
  if (type !== '' && !/^application\/([\w.+-]+\+)?json\b/i.test(type)) {
    throw new ApiError(415, `The content type is ${JSON.stringify(type.slice(0, 64))}. Send application/json.`, {
      code: 'unsupported_media_type',
    });
  }
  const text = await request.text();
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new ApiError(
      400,
      text === '' ? 'The body is empty. Send a JSON object.' : 'The body is not valid JSON. Send a JSON object.',
      {
        code: 'invalid_json',
      },
    );
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ApiError(400, 'The body is JSON, but not an object. Send a JSON object.', { code: 'invalid_json' });
  }
  if (isDeeperThan(input, MAX_DEPTH)) {
    throw new ApiError(400, `The body is nested deeper than ${MAX_DEPTH} levels. Send deep values as strings.`, {
      code: 'invalid_json',
    });
  }
  const prepared = prepare(input, text);
  const parsed = schema.safeParse(prepared);
  return parsed.success ? parsed.data : refuseIssues(parsed.error, prepared, 'body');
}
