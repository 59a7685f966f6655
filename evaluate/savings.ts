import { type Condition, conditionId } from './conditions.ts';
import { type Method, methods } from './methods.ts';
import { type Gain, gainOver } from './metrics.ts';
import type { Result } from './results.ts';

/** A condition against the one that it is a cheaper form of, for example a Wait if unsure against a Wait always. */
export interface Saving {
  readonly condition: string;
  readonly insteadOf: string;
  /** Difference of accuracy, paired by question. `undefined` for fewer than two common questions. */
  readonly gain: Gain | undefined;
  /** Sampled tokens, as a share of those of the other one. */
  readonly tokens: number;
  /** Dollars, as a share. `undefined` without a price. */
  readonly dollars: number | undefined;
}

/** Compares each condition with what it is a cheaper form of, if the folder has both. */
export function savingsOf(
  conditions: readonly Condition[],
  results: readonly Result[],
  rows: readonly {
    readonly id: string;
    /** Sampled tokens of an answer, mean. */
    readonly spentTokens: number;
    readonly dollarsPerAnswer: number | undefined;
  }[],
): readonly Saving[] {
  const answersOf = (id: string) => results.filter((result) => result.condition === id && result.sample === 0);
  return conditions.flatMap((condition): readonly Saving[] => {
    const { cheaperThan }: Method = methods[condition.method];
    const id = conditionId(condition);
    const insteadOf =
      cheaperThan === undefined || condition.setting === undefined
        ? cheaperThan
        : `${cheaperThan}-${condition.setting}`;
    const own = rows.find((row) => row.id === id);
    const other = rows.find((row) => row.id === insteadOf);
    if (insteadOf === undefined || own === undefined || other === undefined) return [];
    return [
      {
        condition: id,
        insteadOf,
        gain: gainOver(answersOf(insteadOf), answersOf(id)),
        tokens: own.spentTokens / other.spentTokens,
        dollars:
          own.dollarsPerAnswer === undefined || other.dollarsPerAnswer === undefined
            ? undefined
            : own.dollarsPerAnswer / other.dollarsPerAnswer,
      },
    ];
  });
}
