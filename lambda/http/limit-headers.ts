import type { RunningGeneration } from '../generation/request.ts';

/** The limits in force for a request, as headers of its response. They are sent before the first byte of the body. */
export function limitHeaders({
  headers,
  limits,
  shrunk,
  setBy,
  load,
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
    ...(shrunk.length === 0 ? {} : { 'x-thinking-shrunk-by': shrunk.map(({ because }) => because).join(', ') }),
  };
}
