import { type MethodName, methodNames, methods } from './methods.ts';

/** One way to ask all questions: a method and its setting. */
export interface Condition {
  readonly method: MethodName;
  /** Tokens, Waits, steps or a word: what the method says. `undefined` if the method has no setting. */
  readonly setting: number | string | undefined;
  /** Samples per question and seed. */
  readonly samples: number;
  /** Maximum tokens of passages in the prompt. If omitted, nothing is looked up. Minimum: 1. */
  readonly retrieval?: number | undefined;
}

/** Joins the name of a condition and its tokens of passages. */
const RETRIEVAL = '+retrieval-';

/** Name of a condition, under which its results are filed, for example `budget-512` or `budget-512+retrieval-1000`. */
export function conditionId({ method, setting, retrieval }: Omit<Condition, 'samples'>): string {
  const id = setting === undefined ? method : `${method}-${setting}`;
  return retrieval === undefined ? id : `${id}${RETRIEVAL}${retrieval}`;
}

/**
 * Reads the name of a condition.
 *
 * @returns `undefined` if no method has this name and setting.
 */
export function parseConditionId(id: string, samples = 1): Condition | undefined {
  const at = id.indexOf(RETRIEVAL);
  if (at >= 0) {
    const tokens = id.slice(at + RETRIEVAL.length);
    const without = parseConditionId(id.slice(0, at), samples);
    return without === undefined || !/^[1-9]\d{0,8}$/.test(tokens)
      ? undefined
      : { ...without, retrieval: Number(tokens) };
  }
  for (const method of methodNames) {
    const { settings } = methods[method];
    if (settings === 'none' && id === method) return { method, setting: undefined, samples };
    if (settings === 'none' || !id.startsWith(`${method}-`)) continue;
    const text = id.slice(method.length + 1);
    if (settings !== 'number' && settings.includes(text)) return { method, setting: text, samples };
    if (settings === 'number' && /^(?:0|[1-9]\d{0,8})$/.test(text)) return { method, setting: Number(text), samples };
  }
  return undefined;
}

export interface ConditionOptions {
  readonly budgets: readonly number[];
  readonly waits: readonly number[];
  /** Samples of the natural run, for a majority vote. */
  readonly samples: number;
  /** Budgets of token-conditional control and of rejection sampling. */
  readonly baselineBudgets: readonly number[];
  /** Numbers of steps of step-conditional control. @default - none */
  readonly steps?: readonly number[];
  /** Lengths of class-conditional control. @default - none */
  readonly lengths?: readonly string[];
  /** Further conditions. @default - none */
  readonly further?: readonly Condition[];
  /** Tokens of passages with which each condition is asked; 0: without. @default [0] */
  readonly retrieval?: readonly number[];
}

/** The conditions of a run, each once, in the order of the report. */
export function conditionsOf(options: ConditionOptions): readonly Condition[] {
  const all = (method: MethodName, settings: readonly (number | string)[]) =>
    settings.map((setting): Condition => ({ method, setting, samples: 1 }));
  const conditions: readonly Condition[] = [
    ...all('budget', options.budgets),
    { method: 'natural', setting: undefined, samples: options.samples },
    ...all(
      'wait',
      options.waits.filter((waits) => waits > 0),
    ),
    ...all('token-conditional', options.baselineBudgets),
    ...all('rejection', options.baselineBudgets),
    ...all('step-conditional', options.steps ?? []),
    ...all('class-conditional', options.lengths ?? []),
    ...(options.further ?? []),
  ];
  const crossed = conditions.flatMap((condition) =>
    (options.retrieval ?? [0]).map((tokens) =>
      tokens === 0 ? condition : { ...condition, samples: 1, retrieval: tokens },
    ),
  );
  return mergeConditions([], crossed);
}

/** Both lists, each condition once. Of a condition in both, the larger number of samples counts. */
export function mergeConditions(before: readonly Condition[], added: readonly Condition[]): readonly Condition[] {
  const merged = new Map<string, Condition>();
  for (const condition of [...before, ...added]) {
    const id = conditionId(condition);
    merged.set(id, { ...condition, samples: Math.max(condition.samples, merged.get(id)?.samples ?? 1) });
  }
  return [...merged.values()];
}
