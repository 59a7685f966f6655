/** What is sent with each question. */
export type Condition =
  /** The thought is cut at the budget, and the model answers from it. */
  | { readonly method: 'budget'; readonly budget: number }
  /** The first `waits` ends of the thought are replaced by "Wait". */
  | { readonly method: 'wait'; readonly waits: number }
  /** Nothing is forced. Several samples make a majority vote. */
  | { readonly method: 'natural'; readonly samples: number }
  /** Nothing is forced; the prompt asks for at most `budget` tokens. */
  | { readonly method: 'token-conditional'; readonly budget: number }
  /** Nothing is forced; sampled until the thought is within the budget, at most `MAX_TRIES` times. */
  | { readonly method: 'rejection'; readonly budget: number };

export const MAX_TRIES = 8;

/** Name of a condition, under which its results are filed. */
export function conditionId(condition: Condition): string {
  switch (condition.method) {
    case 'budget':
    case 'token-conditional':
    case 'rejection':
      return `${condition.method}-${condition.budget}`;
    case 'wait':
      return `wait-${condition.waits}`;
    case 'natural':
      return 'natural';
    default:
      return condition satisfies never;
  }
}

export interface ConditionOptions {
  readonly budgets: readonly number[];
  readonly waits: readonly number[];
  readonly samples: number;
  /** Budgets of the baselines. If empty, no baselines run. */
  readonly baselineBudgets: readonly number[];
}

export function conditionsOf(options: ConditionOptions): readonly Condition[] {
  return [
    ...options.budgets.map((budget) => ({ method: 'budget', budget }) as const),
    { method: 'natural', samples: options.samples },
    ...options.waits.filter((waits) => waits > 0).map((waits) => ({ method: 'wait', waits }) as const),
    ...options.baselineBudgets.map((budget) => ({ method: 'token-conditional', budget }) as const),
    ...options.baselineBudgets.map((budget) => ({ method: 'rejection', budget }) as const),
  ];
}
