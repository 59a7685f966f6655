/** Grades the text of an answer. */
export interface Grader {
  /** Whether the text gives the expected answer. Graders outside this process answer later. */
  isRight(text: string, expected: string): boolean | Promise<boolean>;
  /** What a vote counts, the same for answers that agree. `undefined` if the text gives no answer. */
  key(text: string): string | undefined;
}

/** A grader of this process. */
export interface BuiltInGrader extends Grader {
  isRight(text: string, expected: string): boolean;
  /** What to write instead of an expected answer that this grader cannot judge. `undefined` if it can. */
  checkExpected(expected: string): string | undefined;
}
