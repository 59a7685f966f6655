import type { FieldNames, RequestedBudget, Shrink } from '../forcing/settle-limits.ts';

/** What set each limit: the name of a field of the request, `default`, or the cause of a shrink. */
export interface SetBy {
  readonly min_tokens: string;
  readonly max_tokens: string;
  readonly waits: string;
  readonly max_answer_tokens: string;
}

export function toSetBy(
  {
    requested,
    names,
    thinking,
  }: {
    readonly requested: RequestedBudget;
    readonly names: FieldNames;
    readonly thinking: { readonly waits: number | undefined; readonly risk?: number | undefined };
  },
  shrunk: readonly Shrink[],
): SetBy {
  const by = (value: number | undefined, name: string) => (value === undefined ? 'default' : name);
  return {
    min_tokens: by(requested.minTokens, names.minTokens),
    max_tokens: shrunk.at(-1)?.because ?? by(requested.maxTokens, names.maxTokens),
    waits: by(thinking.waits ?? thinking.risk, thinking.waits === undefined ? 'thinking.risk' : 'thinking.waits'),
    max_answer_tokens: by(requested.maxCompletionTokens, names.maxCompletionTokens),
  };
}
