import type { IgnoredField, RunningGeneration } from '../generation/request.ts';

/** The limits in force for a request, as headers of its response. They are sent before the first byte of the body. */
export function limitHeaders({
  headers,
  limits,
  shrunk,
  setBy,
  load,
  ignored,
  retrieval,
  fallbacks,
}: RunningGeneration): Readonly<Record<string, string>> {
  return {
    ...headers,
    'x-thinking-min-tokens': String(limits.minTokens),
    'x-thinking-max-tokens': String(limits.maxTokens),
    'x-thinking-waits': String(limits.waits),
    'x-thinking-set-by': Object.entries(setBy)
      .map(([limit, by]) => `${limit}=${by}`)
      .join(', '),
    ...(load === undefined
      ? {}
      : {
          'x-thinking-wanted-tokens': String(load.requested),
          'x-thinking-granted-tokens': String(load.granted),
          ...(load.expectedWaitSeconds > 0
            ? { 'x-expected-wait-seconds': String(Math.ceil(load.expectedWaitSeconds)) }
            : {}),
        }),
    ...(retrieval === undefined
      ? {}
      : {
          'x-retrieval-tokens': String(retrieval.tokens),
          'x-retrieval-passages': String(retrieval.passages.length),
          'x-retrieval-left-out': String(retrieval.leftOut),
          'x-retrieval-search-ms': String(retrieval.searchMs),
        }),
    // Before the body, it is unknown which upstream will answer: `budget_forcing.calls` says so.
    ...(fallbacks.length === 0 ? {} : { 'x-model-fallbacks': fallbacks.map(encodeURIComponent).join(', ') }),
    ...(ignored.length === 0 ? {} : { 'x-budgetforce-ignored': ignoredHeader(ignored) }),
    ...(shrunk.length === 0 ? {} : { 'x-thinking-shrunk-by': shrunk.map(({ because }) => because).join(', ') }),
  };
}

/** Maximum length of the list of ignored fields, in characters. */
const MAX_IGNORED_LENGTH = 512;

/** The ignored fields, sorted. Names that do not fit are replaced by `...`; the report in the body has all. */
export function ignoredHeader(ignored: readonly IgnoredField[]): string {
  const names = ignored.map(({ field }) => field).toSorted();
  let list = names.join(',');
  while (list.length > MAX_IGNORED_LENGTH) {
    names.pop();
    list = [...names, '...'].join(',');
  }
  return list;
}
