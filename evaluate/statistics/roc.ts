/** A score of one answer, and whether the answer is right. */
export interface Scored {
  /** 0 to 1. */
  readonly score: number;
  readonly right: boolean;
}

/** A point of the curve: shares of wrong and of right answers whose score is at least a threshold. */
export interface RocPoint {
  readonly wrong: number;
  readonly right: number;
}

/**
 * The receiver operating characteristic of a score, from (0, 0) to (1, 1). Equal scores are one step. Empty if all answers are right,
 * or all are wrong.
 */
export function rocCurve(answers: readonly Scored[]): readonly RocPoint[] {
  const right = answers.filter((answer) => answer.right).length;
  const wrong = answers.length - right;
  if (right === 0 || wrong === 0) return [];
  const steps = [...Map.groupBy(answers, ({ score }) => score).entries()].toSorted(([a], [b]) => b - a);
  const points: RocPoint[] = [{ wrong: 0, right: 0 }];
  let [wrongSoFar, rightSoFar] = [0, 0];
  for (const [, tied] of steps) {
    const tiedRight = tied.filter((answer) => answer.right).length;
    rightSoFar += tiedRight;
    wrongSoFar += tied.length - tiedRight;
    points.push({ wrong: wrongSoFar / wrong, right: rightSoFar / right });
  }
  return points;
}

/**
 * The area under the curve: how likely a right answer has a higher score than a wrong one, where equal scores count half. `undefined`
 * if all answers are right, or all are wrong.
 */
export function areaUnderCurve(answers: readonly Scored[]): number | undefined {
  const points = rocCurve(answers);
  if (points.length === 0) return undefined;
  return points.slice(1).reduce((area, point, index) => {
    const before = points[index] ?? point;
    return area + ((point.wrong - before.wrong) * (point.right + before.right)) / 2;
  }, 0);
}
