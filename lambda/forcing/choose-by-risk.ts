/** A policy of thinking, and how it did on the held-out questions of a calibration. */
export interface CalibrationRow {
  readonly waits: number;
  readonly waitWhen: 'always' | 'unsure';
  /** Threshold of the calibration's measure. Set if `waitWhen` is `unsure`. */
  readonly unsureBelow?: number | undefined;
  /** Maximum of thinking tokens. */
  readonly maxTokens: number;
  /** Held-out questions, and how many of their answers were wrong. */
  readonly questions: number;
  readonly wrong: number;
  /** Upper end of the one-sided 95 % interval of the share of wrong answers (Clopper-Pearson), 0 to 1. */
  readonly wrongUpper95: number;
  /** Mean thinking and answer tokens of a question. */
  readonly meanTokens: number;
}

export type RiskChoice =
  | { readonly ok: true; readonly row: CalibrationRow }
  /** `reachable`: the lowest risk of any policy within the ceiling; `undefined` if there is no such policy. */
  | { readonly ok: false; readonly reachable: number | undefined };

/**
 * Picks the policy with the fewest tokens whose upper bound of wrong answers is at most `risk`.
 *
 * @param risk above 0, below 1
 * @param ceiling highest maximum of thinking that the caller may use; policies above it were not measured under it, so they are left out
 */
export function chooseByRisk(rows: readonly CalibrationRow[], risk: number, ceiling: number): RiskChoice {
  const allowed = rows.filter(({ maxTokens }) => maxTokens <= ceiling);
  const [row] = allowed
    .filter(({ wrongUpper95 }) => wrongUpper95 <= risk)
    .toSorted((a, b) => a.meanTokens - b.meanTokens || a.wrongUpper95 - b.wrongUpper95);
  if (row !== undefined) return { ok: true, row };
  const reachable = allowed.length === 0 ? undefined : Math.min(...allowed.map(({ wrongUpper95 }) => wrongUpper95));
  return { ok: false, reachable };
}
