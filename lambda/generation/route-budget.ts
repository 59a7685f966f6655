import type { Caller } from '../keys/key-record.ts';
import type { GenerationRequest } from './request.ts';

/**
 * Returns a request to a further model of a route with what the models before left of its budget. Exact limits hold over all models: a
 * maximum of thinking in tokens, a maximum of thinking and answer together, and the maximum of the key. An effort or a default is a
 * preference, and holds for each model.
 *
 * @param used tokens of the models before
 * @returns `undefined` if no thinking is left, or less than the minimum
 */
export function withBudgetLeft(
  request: GenerationRequest,
  caller: Caller,
  used: { readonly thinking: number; readonly completion: number },
): { readonly request: GenerationRequest; readonly caller: Caller } | undefined {
  const { requested } = request;
  const exact = requested.maxIsPreference === true ? undefined : requested.maxTokens;
  const total = requested.maxCompletionTokens;
  const ceiling = caller.limits.max_thinking_tokens;
  const totalLeft = total === undefined ? undefined : total - used.completion;
  const exactLeft = exact === undefined ? undefined : exact - used.thinking;
  const ceilingLeft = ceiling === undefined ? undefined : ceiling - used.thinking;
  // One token of the total is for the answer.
  const thinkingLeft = Math.min(
    exactLeft ?? Number.POSITIVE_INFINITY,
    ceilingLeft ?? Number.POSITIVE_INFINITY,
    (totalLeft ?? Number.POSITIVE_INFINITY) - 1,
  );
  if (thinkingLeft < Math.max(1, requested.minTokens ?? 0)) return undefined;
  return {
    request: {
      ...request,
      requested: {
        ...requested,
        ...(exactLeft === undefined ? {} : { maxTokens: Math.min(exactLeft, (totalLeft ?? exactLeft + 1) - 1) }),
        ...(totalLeft === undefined ? {} : { maxCompletionTokens: totalLeft }),
      },
    },
    caller:
      ceilingLeft === undefined
        ? caller
        : { ...caller, limits: { ...caller.limits, max_thinking_tokens: ceilingLeft } },
  };
}
