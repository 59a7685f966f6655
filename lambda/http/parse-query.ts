import type * as z from 'zod';
import { invalidRequest } from '../errors/api-error.ts';
import { describeIssue } from './describe-issue.ts';

/**
 * Parses the query of a request.
 *
 * @throws {ApiError} 400 that names the parameter; its code is `unsupported_parameter` for one that the schema does not know
 */
export function parseQuery<Schema extends z.ZodType>(
  schema: Schema,
  query: Readonly<Record<string, string>>,
): z.output<Schema> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw invalidRequest('query', 'The query is not valid.');
  const { field, message } = describeIssue(issue, query);
  throw invalidRequest(field, message, issue.code === 'unrecognized_keys' ? 'unsupported_parameter' : 'invalid_value');
}
