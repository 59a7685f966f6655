/** One way of asking: what is sent with each question. */
export type Condition =
  /** Thinking is cut at a budget, and the model answers with what it has. */
  | { readonly method: 'budget'; readonly budget: number }
  /** So many ends are turned into "Wait". */
  | { readonly method: 'wait'; readonly waits: number }
  /** Nothing is forced. Several samples of it make a majority vote. */
  | { readonly method: 'natural'; readonly samples: number }
  /** Nothing is forced; the prompt asks for at most so many tokens. */
  | { readonly method: 'token-conditional'; readonly budget: number }
  /** Nothing is forced; sampled again until the thought is within the budget. */
  | { readonly method: 'rejection'; readonly budget: number };

export const MAX_TRIES = 8;

/** A condition's name: what results are filed under. */
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
  /** Budgets at which the baselines run as well. Empty: none. */
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
