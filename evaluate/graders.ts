import { extractAnswer, extractNumber } from '../lambda/generation/extract-answer.ts';

export const graderNames = ['exact', 'numeric', 'choice'] as const;
export type GraderName = (typeof graderNames)[number];

/** Says whether an answer's text gives the expected answer. `key` is what a vote counts: the same for answers that agree. */
export interface Grader {
  isRight(text: string, expected: string): boolean;
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
    const got = extractNumber(extractAnswer(text));
    const wanted = extractNumber(expected);
    return got !== undefined && wanted !== undefined && Math.abs(got - wanted) <= 1e-6 * Math.max(1, Math.abs(wanted));
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
