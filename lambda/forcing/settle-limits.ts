import type { FormatIds } from './format.ts';
import type { Limits } from './report.ts';

/** What a request asks for, whatever the dialect. Tokens. */
export interface RequestedBudget {
  readonly minTokens?: number;
  readonly maxTokens?: number;
  readonly waits?: number;
  readonly maxAnswerTokens?: number;
  /** Thinking and answer together. */
  readonly maxCompletionTokens?: number;
  /** Whether `maxTokens` is a wish (an effort level) that may shrink to fit, or a number that must not contradict others. */
  readonly maxIsPreference?: boolean;
}

/** The names by which the request gave its fields, for messages. */
export interface FieldNames {
  readonly minTokens: string;
  readonly maxTokens: string;
  readonly maxCompletionTokens: string;
}

export interface LimitsOfModel {
  readonly contextTokens: number;
  readonly defaultMaxThinkingTokens: number;
  readonly maxThinkingTokens: number;
  readonly defaultMaxAnswerTokens: number;
  /** Whose `maxThinkingTokens` is. @default 'model' */
  readonly ceilingOf?: 'model' | 'key';
}

/** A limit that is lower than what was asked for, and what made it so. */
export interface Shrink {
  readonly limit: 'max_tokens';
  readonly from: number;
  readonly to: number;
  /** `model` and `key`: the ceiling of either. */
  readonly because: 'model' | 'key' | 'context' | 'max_completion_tokens' | 'load';
}

export type SettledLimits =
  | { readonly ok: true; readonly limits: Limits; readonly shrunk: readonly Shrink[] }
  | { readonly ok: false; readonly field: string; readonly code: string; readonly message: string };

/** How often "Wait" is appended where a request sets a minimum and no number of waits: then further ends are masked. */
const DEFAULT_WAITS = 8;

/**
 * The limits in force for one request, or the contradiction that makes it a 400. Room for closing the thinking and for
 * an answer is always kept: of the window up to an eighth, of `max_completion_tokens` a quarter.
 */
export function settleLimits(
  wanted: RequestedBudget,
  model: LimitsOfModel,
  promptTokens: number,
  format: FormatIds,
  names: FieldNames,
): SettledLimits {
  const min = wanted.minTokens ?? 0;
  const completion = wanted.maxCompletionTokens;
  const explicitMax = wanted.maxIsPreference === true ? undefined : wanted.maxTokens;

  if (explicitMax !== undefined && explicitMax > model.maxThinkingTokens) {
    return wrong(
      names.maxTokens,
      `${names.maxTokens} is ${explicitMax}, but this ${model.ceilingOf ?? 'model'} allows at most ${model.maxThinkingTokens} thinking tokens.`,
    );
  }
  if (explicitMax !== undefined && min > explicitMax) {
    return wrong(
      names.minTokens,
      `${names.minTokens} (${min}) is greater than ${names.maxTokens} (${explicitMax}). Give a minimum that is not above the maximum.`,
    );
  }
  if (min > model.maxThinkingTokens) {
    return wrong(
      names.minTokens,
      `${names.minTokens} is ${min}, but this ${model.ceilingOf ?? 'model'} allows at most ${model.maxThinkingTokens} thinking tokens.`,
    );
  }
  for (const [name, value] of [
    [names.minTokens, min],
    [names.maxTokens, explicitMax ?? 0],
  ] as const) {
    if (completion !== undefined && value >= completion && value > 0) {
      return wrong(
        name,
        `${name} (${value}) leaves no token for the answer: it must be below ${names.maxCompletionTokens} (${completion}), which bounds thinking and answer together.`,
      );
    }
  }

  const closing = Math.max(
    format.newline.length + format.forceAnswer.length,
    format.openAnswer.length,
    format.skipThinking.length,
  );
  const window = model.contextTokens - promptTokens - format.openThinking.length - closing;
  if (window < 1) {
    return {
      ok: false,
      field: 'messages',
      code: 'context_length_exceeded',
      message: `The conversation has ${promptTokens} tokens; with what closes the thinking and one token of answer it does not fit the model's window of ${model.contextTokens} tokens. Shorten it.`,
    };
  }

  const wantedAnswer = Math.min(
    wanted.maxAnswerTokens ?? model.defaultMaxAnswerTokens,
    completion ?? Number.POSITIVE_INFINITY,
  );
  let max = Math.max(min, wanted.maxTokens ?? model.defaultMaxThinkingTokens);
  const shrunk: Shrink[] = [];
  const shrinkTo = (limit: number, because: Shrink['because']) => {
    if (limit >= max) return;
    shrunk.push({ limit: 'max_tokens', from: max, to: limit, because });
    max = limit;
  };
  // An effort is a wish; a number above the ceiling was refused before.
  shrinkTo(Math.max(min, model.maxThinkingTokens), model.ceilingOf ?? 'model');
  if (completion !== undefined) {
    const forAnswer = explicitMax === undefined ? Math.max(1, Math.min(wantedAnswer, Math.ceil(completion / 4))) : 1;
    shrinkTo(Math.max(min, completion - forAnswer), 'max_completion_tokens');
  }
  const fits = window - Math.max(1, Math.min(wantedAnswer, Math.floor(window / 8)));
  if (min > fits) {
    return {
      ok: false,
      field: names.minTokens,
      code: 'context_length_exceeded',
      message: `${names.minTokens} (${min}) does not fit: after the conversation (${promptTokens} tokens) the model's window of ${model.contextTokens} leaves ${fits} tokens for thinking.`,
    };
  }
  shrinkTo(fits, 'context');

  const waits = wanted.waits ?? (min > 0 ? DEFAULT_WAITS : 0);
  // Who names a total means it: the answer may take what the thinking leaves of it.
  const maxAnswerTokens = wanted.maxAnswerTokens ?? completion ?? model.defaultMaxAnswerTokens;
  return { ok: true, limits: { minTokens: min, maxTokens: max, waits, maxAnswerTokens }, shrunk };
}

function wrong(field: string, message: string): SettledLimits {
  return { ok: false, field, code: 'invalid_value', message };
}
