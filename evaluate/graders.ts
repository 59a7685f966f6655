import { extractAnswer, extractNumber } from '../lambda/generation/extract-answer.ts';

export const graderNames = ['exact', 'numeric', 'choice'] as const;
export type GraderName = (typeof graderNames)[number];

/** Grades the text of an answer. */
export interface Grader {
  /** Whether the text gives the expected answer. */
  isRight(text: string, expected: string): boolean;
  /** What a vote counts, the same for answers that agree. `undefined` if the text gives no answer. */
  key(text: string): string | undefined;
}

const normal = (text: string) => text.trim().toLowerCase().replaceAll(/\s+/g, ' ');

const exact: Grader = {
  isRight: (text, expected) => normal(extractAnswer(text)) === normal(expected),
  key: (text) => normal(extractAnswer(text)) || undefined,
};

/** Equal up to rounding: a relative error of 1e-6. */
const numeric: Grader = {
  isRight(text, expected) {
    const actual = extractNumber(extractAnswer(text));
    const target = extractNumber(expected);
    return (
      actual !== undefined && target !== undefined && Math.abs(actual - target) <= 1e-6 * Math.max(1, Math.abs(target))
    );
  },
  key(text) {
    const number = extractNumber(extractAnswer(text));
    return number === undefined ? undefined : String(Number(number.toPrecision(9)));
  },
};

/** One letter, as "B", "(B)", "B)", "Option B" or "B. because …". */
const choice: Grader = {
  isRight: (text, expected) => letterOf(text) !== undefined && letterOf(text) === letterOf(expected),
  key: letterOf,
};

function letterOf(text: string): string | undefined {
  const answer = extractAnswer(text);
  const first = /^(?:option\s+|choice\s+)?[([{]?([A-Z])(?:[)\]}.:,]|\s|$)/i.exec(answer)?.[1];
  const alone = [...answer.matchAll(/(?<![A-Za-z])\(?([A-Z])\)?(?![A-Za-z])/g)].at(-1)?.[1];
  return (first ?? alone)?.toUpperCase();
}

export const graders: Readonly<Record<GraderName, Grader>> = { exact, numeric, choice };
