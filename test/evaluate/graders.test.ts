import { describe, expect, it } from 'vitest';
import { graders } from '../../evaluate/graders.ts';
import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';

describe('extractAnswer', () => {
  it.each([
    ['So \\boxed{42}.', '42'],
    ['\\boxed{1} and then \\boxed{\\frac{1}{\\sqrt{2}}}', '\\frac{1}{\\sqrt{2}}'],
    ['\\boxed{never closed', '\\boxed{never closed'],
    ['Final Answer: 12', '12'],
    ['First the answer is 3. No: the answer is 4.', '4'],
    ['**Answer:** 7 apples.', '7 apples'],
    ['  just this \n', 'just this'],
    ['', ''],
  ])('extractAnswer(%j) is %j', (text, answer) => {
    expect(extractAnswer(text)).toBe(answer);
  });
});

describe('extractNumber', () => {
  it.each([
    ['12', 12],
    ['-12', -12],
    ['\u221212', -12],
    ['1,234,567 people', 1_234_567],
    ["1'000", 1_000],
    ['1\u202f000 km', 1_000],
    ['3.50 dollars', 3.5],
    ['$42', 42],
    ['.5', 0.5],
    ['12 %', 12],
    ['3/4', 0.75],
    ['\\frac{3}{4}', 0.75],
    ['\\dfrac{-3}{4}', -0.75],
    ['1e3', 1_000],
    ['x = 5', 5],
    ['34 + 27 = 61', 61],
    ['(1, 2, 3)', 3],
    ['24 \\text{ cm}^2', 2],
    ['5-3', 3],
    ['1/0', undefined],
    ['none', undefined],
    ['', undefined],
  ])('extractNumber(%j) is %j', (text, number) => {
    expect(extractNumber(text)).toBe(number);
  });
});

describe('A grader', () => {
  it.each([
    ['numeric', 'The answer is 1,234.', '1234', true],
    ['numeric', 'Final Answer: 0.3333333333', '1/3', true],
    ['numeric', 'I do not know.', '7', false],
    ['numeric', '', '7', false],
    ['exact', 'The answer is  Paris.', 'paris', true],
    ['exact', 'Paris, France', 'paris', false],
    ['choice', '(B)', 'B', true],
    ['choice', 'The answer is B) because A is wrong.', 'B', true],
    ['choice', 'Option c', 'C', true],
    ['choice', 'The answer is: **D**', 'D', true],
    ['choice', 'Bananas', 'B', false],
  ] as const)('The %s grader compares %j with %j: %j', (grader, text, expected, right) => {
    expect(graders[grader].isRight(text, expected)).toBe(right);
  });

  it('A grader gives answers that agree the same key', () => {
    expect(graders.numeric.key('The answer is 1,000.')).toBe(graders.numeric.key('1000.0'));
    expect(graders.numeric.key('nothing')).toBeUndefined();
    expect(graders.choice.key('(a)')).toBe('A');
  });
});
