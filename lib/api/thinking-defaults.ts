import type { Calibration, GateDefaults } from '../../lambda/settings/calibration.ts';
import type { ReasoningEffort } from '../../lambda/settings/settings.ts';

/** Efforts that every model has. A `max` that is not configured means `xhigh`. */
type DefaultEffort = Exclude<ReasoningEffort, 'max'>;

/** Default and maximum budgets of one model, in tokens. */
export interface ThinkingBudgets {
  /** Maximum of thinking tokens if a request has none. */
  readonly defaultMaxTokens: number;
  /** Largest maximum of thinking tokens that a request may ask for. */
  readonly maxTokens: number;
  /** Maximum of answer tokens if a request has none. */
  readonly defaultMaxAnswerTokens: number;
  /** Maximum of thinking tokens for each `reasoning_effort`. */
  readonly efforts: Readonly<Record<DefaultEffort, number>> & { readonly max?: number };
}

/**
 * Returns the default budgets as shares of the window. For s1's 32,768 tokens, up to 28,672 of thinking and 2,048 of answer
 * leave 2,048 for the prompt.
 */
export function thinkingDefaults(contextTokens: number): ThinkingBudgets {
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

/** Budgets of a model that differ from the defaults. */
export type ThinkingOverrides = {
  readonly [Key in Exclude<keyof ThinkingBudgets, 'efforts'>]?: ThinkingBudgets[Key] | undefined;
} & {
  /** Rules by confidence if neither a request nor its key sets them. */
  readonly gates?: GateDefaults | undefined;
  /** Thresholds and policies that were measured for the model. */
  readonly calibration?: Calibration | undefined;
} & { readonly efforts?: { readonly [Effort in ReasoningEffort]?: number | undefined } | undefined };

/** Applies overrides to the defaults. A smaller `maxTokens` also lowers the defaults, but not other overrides. */
export function withOverrides(defaults: ThinkingBudgets, overrides: ThinkingOverrides = {}): ThinkingBudgets {
  const maxTokens = overrides.maxTokens ?? defaults.maxTokens;
  const max = overrides.efforts?.max;
  const effort = (name: DefaultEffort) => overrides.efforts?.[name] ?? Math.min(defaults.efforts[name], maxTokens);
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
      ...(max === undefined ? {} : { max }),
    },
  };
}
