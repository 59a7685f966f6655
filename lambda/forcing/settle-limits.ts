import type { FormatIds } from './format.ts';
import type { Limits } from './report.ts';

/** The budget fields of a request, whatever its dialect. In tokens. */
export interface RequestedBudget {
  readonly minTokens?: number;
  readonly maxTokens?: number;
  readonly waits?: number;
  readonly maxAnswerTokens?: number;
  /** Maximum of thinking and answer together. */
  readonly maxCompletionTokens?: number;
  /**
   * Whether `maxTokens` is a preference (an effort level), which may shrink to fit the other limits. If false, it is a number
   * that must not contradict them. @default false
   */
  readonly maxIsPreference?: boolean;
}

/** Names of the request's fields in its own dialect, for error messages. */
export interface FieldNames {
  readonly minTokens: string;
  readonly maxTokens: string;
  readonly maxCompletionTokens: string;
  /** @default 'messages' */
  readonly prompt?: string;
}

/** Defaults and ceilings of a model, in tokens. */
export interface ModelLimits {
  readonly contextTokens: number;
  readonly defaultMaxThinkingTokens: number;
  readonly maxThinkingTokens: number;
  readonly defaultMaxAnswerTokens: number;
  /** Whether the model's settings or the caller's key set `maxThinkingTokens`. @default 'model' */
  readonly ceilingSource?: 'model' | 'key';
  /** Tokens of the window that passages may take, which the thought is given later (`retrieval.max_tokens`). @default 0 */
  readonly passageTokens?: number;
}

/** A limit that is lower than requested, and its cause. */
export interface Shrink {
  readonly limit: 'max_tokens';
  readonly from: number;
  readonly to: number;
  /** `model` and `key`: the ceiling of the model or of the key. `prefix`: the conversation begins the answer, so its thinking is over. */
  readonly because: 'model' | 'key' | 'context' | 'max_completion_tokens' | 'load' | 'prefix';
}

/** The limits in force, or the reason of a 400. */
export type SettledLimits =
  | { readonly ok: true; readonly limits: Limits; readonly shrunk: readonly Shrink[] }
  | { readonly ok: false; readonly field: string; readonly code: string; readonly message: string };

/** Number of "Wait"s if a request sets a minimum but no `waits`. Further early ends are masked. */
const DEFAULT_WAITS = 8;

/**
 * Settles the limits in force for one request, or returns the contradiction that makes it a 400. Room to close the thinking and
 * to answer is always kept: up to an eighth of the context window, and up to a quarter of `max_completion_tokens`.
 */
export function settleLimits(
  requested: RequestedBudget,
  model: ModelLimits,
  promptTokens: number,
  format: FormatIds,
  names: FieldNames,
): SettledLimits {
  const contradiction = findContradiction(requested, model, names);
  if (contradiction !== undefined) return contradiction;

  const { passageTokens = 0 } = model;
  const window =
    model.contextTokens - promptTokens - passageTokens - format.openThinking.length - closingTokens(format);
  const passages = passageTokens === 0 ? '' : `, up to ${passageTokens} tokens of passages (retrieval.max_tokens)`;
  if (passageTokens > 0 && window + promptTokens < 1) {
    return tooLong(
      'retrieval.max_tokens',
      `retrieval.max_tokens (${passageTokens}) leaves no room for a conversation in the model's context window of ${model.contextTokens} tokens. Lower it.`,
    );
  }
  if (window < 1) {
    return tooLong(
      names.prompt ?? 'messages',
      `The conversation has ${promptTokens} tokens${passages}. With the tokens that close the thinking and one token of answer it exceeds the model's context window of ${model.contextTokens} tokens. Shorten the conversation.`,
    );
  }
  const minTokens = requested.minTokens ?? 0;
  const fits = window - Math.max(1, Math.min(requestedAnswerTokens(requested, model), Math.floor(window / 8)));
  if (minTokens > fits) {
    return tooLong(
      names.minTokens,
      `${names.minTokens} (${minTokens}) is too large: after the conversation (${promptTokens} tokens${passages}), the model's context window of ${model.contextTokens} tokens has room for ${fits} thinking tokens. Lower it, or shorten the conversation.`,
    );
  }
  const { maxTokens, shrunk } = shrinkMaximum(requested, model, fits);
  const waits = requested.waits ?? (minTokens > 0 ? DEFAULT_WAITS : 0);
  // With an explicit total, the answer may use all that the thinking leaves of it.
  const maxAnswerTokens = requested.maxAnswerTokens ?? requested.maxCompletionTokens ?? model.defaultMaxAnswerTokens;
  return { ok: true, limits: { minTokens, maxTokens, waits, maxAnswerTokens }, shrunk };
}

/** The first pair of requested numbers, or minimum and ceiling, that exclude each other. A maximum is lowered to the ceiling. */
function findContradiction(
  requested: RequestedBudget,
  model: ModelLimits,
  names: FieldNames,
): SettledLimits | undefined {
  const min = requested.minTokens ?? 0;
  const max = explicitMaximum(requested);
  if (max !== undefined && min > max) {
    return invalid(
      names.minTokens,
      `${names.minTokens} (${min}) is greater than ${names.maxTokens} (${max}). Give a minimum that is not above the maximum.`,
    );
  }
  if (min > model.maxThinkingTokens) return aboveCeiling(names.minTokens, min, model);
  const total = requested.maxCompletionTokens;
  if (total === undefined) return undefined;
  for (const [name, value] of [
    [names.minTokens, min],
    [names.maxTokens, max ?? 0],
  ] as const) {
    // A maximum above the ceiling counts as the ceiling.
    if (value > 0 && Math.min(value, model.maxThinkingTokens) >= total) {
      return invalid(
        name,
        `${name} (${value}) leaves no token for the answer: it must be below ${names.maxCompletionTokens} (${total}), which limits thinking and answer together.`,
      );
    }
  }
  return undefined;
}

/** The maximum of the thinking, lowered step by step to the ceiling, the total and the window, but never below the minimum. */
function shrinkMaximum(
  requested: RequestedBudget,
  model: ModelLimits,
  fits: number,
): { readonly maxTokens: number; readonly shrunk: readonly Shrink[] } {
  const min = requested.minTokens ?? 0;
  let maxTokens = Math.max(min, requested.maxTokens ?? model.defaultMaxThinkingTokens);
  const shrunk: Shrink[] = [];
  const shrinkTo = (limit: number, because: Shrink['because']) => {
    if (limit >= maxTokens) return;
    shrunk.push({ limit: 'max_tokens', from: maxTokens, to: limit, because });
    maxTokens = limit;
  };
  shrinkTo(Math.max(min, model.maxThinkingTokens), model.ceilingSource ?? 'model');
  const total = requested.maxCompletionTokens;
  if (total !== undefined) {
    const answerTokens =
      explicitMaximum(requested) === undefined
        ? Math.max(1, Math.min(requestedAnswerTokens(requested, model), Math.ceil(total / 4)))
        : 1;
    shrinkTo(Math.max(min, total - answerTokens), 'max_completion_tokens');
  }
  shrinkTo(fits, 'context');
  return { maxTokens, shrunk };
}

function explicitMaximum({ maxIsPreference, maxTokens }: RequestedBudget): number | undefined {
  return maxIsPreference === true ? undefined : maxTokens;
}

function requestedAnswerTokens(
  { maxAnswerTokens, maxCompletionTokens = Number.POSITIVE_INFINITY }: RequestedBudget,
  model: ModelLimits,
): number {
  return Math.min(maxAnswerTokens ?? model.defaultMaxAnswerTokens, maxCompletionTokens);
}

/** Tokens of the longest way to get from the thinking to the answer. */
function closingTokens({ newline, forceAnswer, openAnswer, skipThinking }: FormatIds): number {
  return Math.max(newline.length + forceAnswer.length, openAnswer.length, skipThinking.length);
}

function aboveCeiling(field: string, value: number, model: ModelLimits): SettledLimits {
  return invalid(
    field,
    `${field} is ${value}, but this ${model.ceilingSource ?? 'model'} allows at most ${model.maxThinkingTokens} thinking tokens. Lower it.`,
  );
}

function invalid(field: string, message: string): SettledLimits {
  return { ok: false, field, code: 'invalid_value', message };
}

function tooLong(field: string, message: string): SettledLimits {
  return { ok: false, field, code: 'context_length_exceeded', message };
}
