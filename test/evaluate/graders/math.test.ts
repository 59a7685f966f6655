import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { math } from '../../../evaluate/graders/math.ts';
import { answerPairs } from './answer-pairs.ts';

describe('The math grader', () => {
  it('has at least 300 hard pairs to agree with', () => {
    expect(answerPairs.length).toBeGreaterThanOrEqual(300);
  });

  it.each(answerPairs)('judges $answer against $expected ($kind): $right', ({ answer, expected, right }) => {
    expect(math.checkExpected(expected)).toBeUndefined();
    expect(math.isRight(answer, expected)).toBe(right);
  });
});

describe('The math grader, with hostile text', () => {
  const deep = (open: string, close: string, times: number) => `${open.repeat(times)}1${close.repeat(times)}`;

  it.each([
    ['a tower of powers', '9^{9^{9^{9^{9}}}}'],
    ['a power of ten with a long exponent', '10^{99999999999999999999}'],
    ['a literal with a long exponent', '1e999999999'],
    ['factorials of factorials', '9!!!!!!!!'],
    ['a large binomial', '\\binom{999999999}{499999999}'],
    ['many large fractions', Array<string>(60).fill('\\frac{3^{900}}{7^{901}}').join('+')],
    ['many large fractions with a variable', Array<string>(60).fill('\\frac{x^{300}}{7^{901}}').join('+')],
    ['deep parentheses', deep('(', ')', 900)],
    ['deep braces', deep('{', '}', 900)],
    ['deep sets', deep('\\{1,', '\\}', 300)],
    ['deep roots', deep('\\sqrt{', '}', 250)],
    ['deep fractions', '\\frac'.repeat(300)],
    ['deep functions', '\\sin'.repeat(400)],
    ['deep powers', 'x^'.repeat(900)],
    ['bars', '|'.repeat(1_900)],
    ['signs', `${'-'.repeat(1_900)}7`],
    ['percent signs', `7${'%'.repeat(1_900)}`],
    ['factorial signs', `7${'!'.repeat(1_900)}`],
    ['subscripts', `x${'_a'.repeat(900)} = 5`],
    ['a list', Array<string>(900).fill('1').join(',')],
    ['a long sum', Array<string>(900).fill('x').join('+')],
    ['unions', Array<string>(300).fill('(1,2)').join('\\cup')],
    ['text that is not closed', '\\text{'.repeat(300)],
    ['spaces', `1${' '.repeat(1_900)}2`],
    ['a megabyte', '9'.repeat(1_000_000)],
  ])('judges %s', (_, answer) => {
    expect(math.isRight(`\\boxed{${answer}}`, 'x + 7')).toBe(false);
    expect(math.isRight(answer, '\\{1,2\\}')).toBe(false);
    math.key(answer);
    math.checkExpected(answer);
  });

  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty', 'valueOf'])(
    'judges the names of an object’s own members, such as %s, as text',
    (name) => {
      for (const answer of [`\\${name}`, name, `5 ${name}`, `\\${name}{5}`, `${name}(5)`]) {
        expect(math.isRight(answer, '6'), answer).toBe(false);
        expect(() => math.key(answer), answer).not.toThrow();
      }
    },
  );

  it('judges any text', () => {
    const part = fc.constantFrom(
      ...'\\frac{ } ( ) [ ] \\{ \\} ^ _ , \\cup = < \\le x y 1 2 0.5 - + / ! % | \\sqrt \\pm \\sin \\log_ \\text{cm} \\begin{pmatrix} \\end{pmatrix} & \\\\ $ \\infty \\in cm and'.split(
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), fc.string({ maxLength: 20 }), (parts, other) => {
        const text = parts.join('');
        expect(typeof math.isRight(text, '5')).toBe('boolean');
        expect(typeof math.isRight(other, '(1,2)')).toBe('boolean');
        // What can be judged agrees with itself, and has a key.
        if (text.trim() !== '' && math.checkExpected(text) === undefined) {
          expect(math.isRight(`\\boxed{${text}}`, text) || /[{}]/.test(text)).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives answers that agree the same key, and others another', () => {
    for (const { answer, expected, right, kind } of answerPairs) {
      if (right && ['fraction', 'root', 'expression', 'tuple', 'matrix'].includes(kind) && !/0\.333|^3, 5/.test(answer))
        expect([answer, expected, math.key(answer)]).toEqual([answer, expected, math.key(`\\boxed{${expected}}`)]);
    }
  });

  it.each([
    ['\\frac{1}{', /brace|missing/],
    ['\\frac{1}{0}', /value/],
    ['\\int_0^1 x\\,dx', /not known/],
    ['((1', /write LaTeX/],
    ['\u0001', /not mathematics/],
  ])('refuses the expected answer %s', (expected, reason) => {
    expect(math.checkExpected(expected)).toMatch(reason);
  });
});
