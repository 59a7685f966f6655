import { choice } from './graders/choice.ts';
import { exact } from './graders/exact.ts';
import type { BuiltInGrader } from './graders/grader.ts';
import { math } from './graders/math.ts';
import { numeric } from './graders/numeric.ts';

export const graderNames = ['exact', 'numeric', 'choice', 'math'] as const;
export type GraderName = (typeof graderNames)[number];

export const graders: Readonly<Record<GraderName, BuiltInGrader>> = { exact, numeric, choice, math };

/** What to write instead of an expected answer that the grader cannot judge. `undefined` if it can. */
export function checkExpected(grader: GraderName, expected: string): string | undefined {
  return graders[grader].checkExpected(expected);
}
