import { extractAnswer } from '../../lambda/generation/extract-answer.ts';
import type { BuiltInGrader } from './grader.ts';
import type { MathAnswer } from './math/answer.ts';
import { answerKey } from './math/answer-key.ts';
import { readingsOf } from './math/parse-answer.ts';
import { sameAnswer } from './math/same-answer.ts';
import { MAX_LENGTH, UnreadableMath } from './math/tokens.ts';

const INSTEAD = 'write LaTeX, as \\frac{1}{2}, (1, 7) or x^2 + 1, or set "grader" to exact';

/**
 * Compares answers as mathematics: values of expressions, items of tuples, intervals, sets, unions and matrices. Reads LaTeX and plain
 * text. Its time is bounded for any text.
 */
export const math: BuiltInGrader = {
  isRight(text, expected) {
    const wanted = readingsOf(expected);
    const answers = answersOf(text, wanted.some(isNumber));
    return answers.some((answer) => wanted.some((one) => sameAnswer(answer, one)));
  },
  key(text) {
    const [answer] = answersOf(text, true);
    return answer === undefined ? undefined : answerKey(answer);
  },
  checkExpected(expected) {
    try {
      const readings = readingsOf(expected);
      if (readings.some((reading) => sameAnswer(reading, reading))) return undefined;
      return `an answer with a value: ${INSTEAD}`;
    } catch (error) {
      if (!(error instanceof UnreadableMath)) throw error;
      return `mathematics, and ${error.message}: ${INSTEAD}`;
    }
  },
};

/** Readings of the answer of a text, the likeliest first. */
function answersOf(text: string, wantsNumber: boolean): readonly MathAnswer[] {
  const line = extractAnswer(text)
    // Bold, but not the power of `x**2`.
    .replaceAll(/(?<![\w)}\]])\*\*|\*\*(?![\w({\\-])/g, '')
    .trim();
  if (line === '' || line.length > MAX_LENGTH) return [];
  const whole = readings(line);
  if (whole.some(({ kind }) => kind !== 'text')) return whole;
  const formulas = [...line.matchAll(/\$+([^$]+)\$+|\\\(([^()]*)\\\)/g)].map(
    ([, dollars, parentheses]) => dollars ?? parentheses ?? '',
  );
  const inner = formulas.length === 0 ? [] : readings(formulas.at(-1) ?? '');
  // "$x = 1$ and $x = 2$" may be one answer of two.
  const joined = formulas.length < 2 ? [] : readings(formulas.join(', '));
  if (inner.length > 0) return [...inner, ...joined, ...whole];
  if (!wantsNumber || whole.length > 0) return whole;
  const numbers = line.match(/(?<![\w.\\^_{])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:\/\d+)?(?![\w])/g) ?? [];
  const [only] = numbers;
  // One number among words is the answer; with more, or with other mathematics, a guess could be wrong.
  return numbers.length === 1 && only !== undefined && !/[\\^_{}=<>]/.test(line) ? readings(only) : [];
}

function readings(text: string): readonly MathAnswer[] {
  try {
    return readingsOf(text);
  } catch (error) {
    if (error instanceof UnreadableMath) return [];
    throw error;
  }
}

function isNumber(answer: MathAnswer): boolean {
  return answer.kind === 'scalar' && answer.expression.kind === 'number';
}
