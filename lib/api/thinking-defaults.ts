import type { ReasoningEffort } from '../../lambda/settings/settings.ts';

/** Budgets of one model, where a request names none, and what it may ask for. Tokens. */
export interface Thinking {
  /** Thinking tokens where a request names no maximum. */
  readonly defaultMaxTokens: number;
  /** The most thinking that a request may ask for. */
  readonly maxTokens: number;
  /** Answer tokens where a request names no maximum. */
  readonly defaultMaxAnswerTokens: number;
  /** What each `reasoning_effort` means. */
  readonly efforts: Readonly<Record<ReasoningEffort, number>>;
}

/** Parts of the window: for s1's 32,768 tokens, up to 28,672 of thinking and 2,048 of answer leave 2,048 for the prompt. */
export function thinkingDefaults(contextTokens: number): Thinking {
  const part = (share: number) => Math.floor(contextTokens * share);
  return {
    defaultMaxTokens: part(1 / 4),
    maxTokens: part(7 / 8),
    defaultMaxAnswerTokens: part(1 / 16),
    efforts: {
      none: 0,
      minimal: part(1 / 64),
      low: part(1 / 16),
      medium: part(1 / 4),
      high: part(1 / 2),
      xhigh: part(7 / 8),
    },
  };
}

/** What a model changes of its defaults. */
export type ThinkingOverrides = {
  readonly [Key in Exclude<keyof Thinking, 'efforts'>]?: Thinking[Key] | undefined;
} & { readonly efforts?: { readonly [Effort in ReasoningEffort]?: number | undefined } | undefined };

/** What was written over what the window gives. A smaller maximum lowers the defaults, but not what was written. */
export function withOverrides(defaults: Thinking, overrides: ThinkingOverrides = {}): Thinking {
  const maxTokens = overrides.maxTokens ?? defaults.maxTokens;
  const effort = (name: ReasoningEffort) => overrides.efforts?.[name] ?? Math.min(defaults.efforts[name], maxTokens);
  return {
    defaultMaxTokens: overrides.defaultMaxTokens ?? Math.min(defaults.defaultMaxTokens, maxTokens),
    maxTokens,
    defaultMaxAnswerTokens: overrides.defaultMaxAnswerTokens ?? defaults.defaultMaxAnswerTokens,
    efforts: {
      none: effort('none'),
      minimal: effort('minimal'),
      low: effort('low'),
      medium: effort('medium'),
      high: effort('high'),
      xhigh: effort('xhigh'),
    },
  };
}
