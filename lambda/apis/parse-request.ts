import type { Context } from 'hono';
import type * as z from 'zod';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { invalidRequest } from '../errors/api-error.ts';
import type { IgnoredField } from '../generation/request.ts';
import { parseBody } from '../http/parse-body.ts';
import { acceptBody, type Leniency } from './accept-body.ts';

/** A request as its schema describes it, and the fields that have no effect. */
export interface ParsedRequest<Request> {
  readonly request: Request;
  readonly ignored: readonly IgnoredField[];
  /** The text of the body, for values that must keep their text. */
  readonly text: string;
  /** Whether the body's `store` is neither omitted nor true. */
  readonly refusesStore: boolean;
}

const STRICT_HEADER = 'x-budgetforce-strict';

/**
 * Parses the body of a model request. Fields without effect are removed and reported, unless the header `x-budgetforce-strict: true`
 * or the setting `strict` refuses them.
 *
 * @throws {ApiError} as `parseBody`.
 */
export async function parseRequest<Schema extends z.ZodObject>(
  context: Context<AppEnvironment>,
  { strict = false }: Pick<AppDependencies, 'strict'>,
  schema: Schema,
  leniency: Leniency,
): Promise<ParsedRequest<z.infer<Schema>>> {
  let text = '';
  let refusesStore = false;
  const note = (input: { readonly store?: unknown }, body: string) => {
    text = body;
    refusesStore = input.store != null && input.store !== true;
  };
  if (isStrict(context) || strict) {
    const request = await parseBody(context.req.raw, schema, (input, body) => {
      note(input, body);
      return input;
    });
    return { request, ignored: [], text, refusesStore };
  }
  let ignored: readonly IgnoredField[] = [];
  const request = await parseBody(context.req.raw, schema, (input, body) => {
    note(input, body);
    const accepted = acceptBody(input, schema, leniency);
    ignored = accepted.ignored;
    return accepted.body;
  });
  return { request, ignored, text, refusesStore };
}

/** Whether the header asks for strictness. @throws {ApiError} 400 for another value than true or false */
function isStrict(context: Context<AppEnvironment>): boolean {
  const value = context.req.header(STRICT_HEADER)?.toLowerCase();
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalidRequest(
    STRICT_HEADER,
    `The header ${STRICT_HEADER} is ${JSON.stringify(value.slice(0, 32))}. Send true or false, or leave it out.`,
  );
}
