import * as z from 'zod';
import { invalidRequest } from '../errors/api-error.ts';

/** Query of a list, as OpenAI's. */
export const pageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Most entries of the page.'),
  order: z.enum(['asc', 'desc']).default('desc').describe('By the time of creation.'),
  after: z.string().max(128).optional().describe('Id after which the page begins.'),
  before: z.string().max(128).optional().describe('Id before which the page ends.'),
});
export type PageQuery = z.output<typeof pageQuerySchema>;

interface Entry {
  readonly id: string;
  readonly created_at: number;
}

/** A page of entries, in OpenAI's form. @throws {ApiError} 400 for a cursor that is no entry */
export function pageOf<T extends Entry>(entries: readonly T[], { limit, order, after, before }: PageQuery) {
  const sign = order === 'asc' ? 1 : -1;
  const sorted = entries.toSorted((a, b) => sign * (a.created_at - b.created_at || (a.id < b.id ? -1 : 1)));
  const place = (name: string, id: string) => {
    const at = sorted.findIndex((entry) => entry.id === id);
    if (at < 0)
      throw invalidRequest(name, `${name} is ${JSON.stringify(id)}, which is no entry of this list. Give an id of it.`);
    return at;
  };
  const start = after === undefined ? 0 : place('after', after) + 1;
  const end = before === undefined ? sorted.length : place('before', before);
  const within = sorted.slice(start, Math.max(start, end));
  // A page before an entry is the one that ends there.
  const data = before !== undefined && after === undefined ? within.slice(-limit) : within.slice(0, limit);
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: data.length < within.length,
  };
}
