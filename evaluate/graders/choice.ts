import { extractAnswer } from '../../lambda/generation/extract-answer.ts';
import type { BuiltInGrader } from './grader.ts';

/** The letter of an option, as "B", "(B)", "B)", "\text{B}", "Option B", "B. because …" or "the answer is B because A is wrong". */
export const choice: BuiltInGrader = {
  isRight: (text, expected) => letterOf(text) !== undefined && letterOf(text) === letterOf(expected),
  key: letterOf,
  checkExpected: (expected) =>
    /^\s*\(?[A-Za-z]\)?\s*$/.test(expected)
      ? undefined
      : 'a letter: write the letter of the option, as B, or list the options under "choices" and write the right one',
};

function letterOf(text: string): string | undefined {
  const answer = extractAnswer(text)
    .replaceAll(/\\(?:text|textbf|mathrm|mathbf|mathit|mathsf|bf|rm)\b\s*/g, ' ')
    .replaceAll(/[*_$`"“”{}\\]/g, ' ')
    .trim();
  const named = /\b(?:options?|choices?|answers?|letter)\s*(?:(?:is|are|:|=)\s*)?[([]?([A-Z])(?![A-Za-z'’])/i.exec(
    answer,
  )?.[1];
  const first = /^[([]?\s*([A-Z])\s*(?:[)\].:,;]|$|\s*[-–—=]\s)/i.exec(answer)?.[1];
  // "B because A is wrong" names the first letter; "A" and "I" may be words, so that a sentence gives its last other letter.
  const start = /^([B-HJ-Z])\s/.exec(answer)?.[1];
  const bracketed = [...answer.matchAll(/[([]([A-Z])[)\]]/g)].at(-1)?.[1];
  const alone = [...answer.matchAll(/(?<![A-Za-z'’])([A-Z])(?![A-Za-z'’])/g)].map(([, letter]) => letter);
  const last = alone.filter((letter) => letter !== 'I' && letter !== 'A').at(-1) ?? alone.at(-1);
  return (first ?? start ?? named ?? bracketed ?? last)?.toUpperCase();
}
