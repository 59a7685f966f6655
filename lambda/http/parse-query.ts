import type * as z from 'zod';
import { refuseIssues } from './refuse-issues.ts';

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
  return parsed.success ? parsed.data : refuseIssues(parsed.error, query, 'query');
}
