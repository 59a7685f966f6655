import type { Context } from 'hono';
import type * as z from 'zod';
import type { AppDependencies, AppEnvironment } from '../context.ts';
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
  if (strict || context.req.header('x-budgetforce-strict')?.toLowerCase() === 'true') {
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
