import type * as z from 'zod';
import { invalidRequest } from '../errors/api-error.ts';
import { describeIssue } from './describe-issue.ts';

/**
 * Refuses a part of a request that does not fit its schema.
 *
 * @throws {ApiError} 400 that names the first field at fault; its code is `unsupported_parameter` for one that the schema does not know
 */
export function refuseIssues({ issues: [issue] }: z.ZodError, input: unknown, part: 'body' | 'query'): never {
  if (issue === undefined) throw invalidRequest(part, `The ${part} is not valid.`);
  const { field, message } = describeIssue(issue, input);
  throw invalidRequest(field, message, issue.code === 'unrecognized_keys' ? 'unsupported_parameter' : 'invalid_value');
}
