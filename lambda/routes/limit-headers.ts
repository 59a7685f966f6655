import type { Run } from '../run-request.ts';

/** The limits in force for a request, as headers of its response: they stand before the first byte of the answer. */
export function limitHeaders({ headers, limits, shrunk }: Run): Readonly<Record<string, string>> {
  return {
    ...headers,
    'x-thinking-min-tokens': String(limits.minTokens),
    'x-thinking-max-tokens': String(limits.maxTokens),
    'x-thinking-waits': String(limits.waits),
    ...(shrunk.length === 0 ? {} : { 'x-thinking-shrunk-by': shrunk.map(({ because }) => because).join(', ') }),
  };
}
