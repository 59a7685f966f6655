import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrangeChoices, shuffleChoices } from '../../../evaluate/graders/shuffle-choices.ts';
import { checkExpected, graders } from '../../../evaluate/graders.ts';

describe('The numeric grader', () => {
  it.each([
    ['The answer is 3.', '2\\sqrt{3}', false],
    ['(1,7)', '(3,7)', false],
    ['[-2,7]', '7', false],
    ['The answer is (3, 7).', '7', false],
    ['\\{1, 2\\}', '2', false],
    ['2\\sqrt{3}', '3', false],
    ['2√3', '3', false],
    ['x^3', '3', false],
    ['5^2 = 25', '25', true],
    ['24 \\text{ cm}^2', '24', true],
    ['90^\\circ', '90', true],
    ['1,234 (rounded)', '1234', true],
    ['\\boxed{1,234}', '1234', true],
    ['3\\pi', '3', false],
    ['17', '17', true],
    ['1,234', '1{,}234', true],
    ['The total is 1234 dollars.', '$1,234', true],
    ['-5', '-$5', true],
    ['1000001', '1000000', false],
    ['0.3333333333', '1/3', true],
    ['0.33', '1/3', false],
    ['0.5', '\\frac{1}{2}', true],
    ['-0.5', '-\\frac{1}{2}', true],
    ['7e2', '700', true],
    ['12 %', '12%', true],
  ])('judges %j against %j: %j', (answer, expected, right) => {
    expect(graders.numeric.isRight(answer, expected)).toBe(right);
  });

  it.each([
    '2\\sqrt{3}',
    '(1,7)',
    '[-2, 7]',
    'seventeen',
    'x = 5',
    '3 apples',
    '1, 2',
    '10^{3}',
    '5 or 6',
    '-',
    '1/0',
    '',
  ])('refuses the expected answer %j, and says what to write', (expected) => {
    expect(checkExpected('numeric', expected)).toMatch(/^a number: write a plain one, as .* or set "grader" to math/);
  });
});

describe('The choice grader', () => {
  it.each([
    ['B', 'B'],
    ['(B)', 'B'],
    ['B.', 'B'],
    ['b)', 'B'],
    ['\\boxed{B}', 'B'],
    ['\\boxed{\\text{B}}', 'B'],
    ['\\boxed{\\textbf{(B)}\\ 12}', 'B'],
    ['The answer is **B**.', 'B'],
    ['The correct answer is (B) because A is wrong.', 'B'],
    ['The answer is B because A is wrong.', 'B'],
    ['Answer: B) 12 apples', 'B'],
    ['Option C', 'C'],
    ['The correct option is D', 'D'],
    ['Final Answer: choice (a)', 'A'],
    ['$\\textbf{E}$', 'E'],
    ['I think it is C', 'C'],
    ['A mole of it weighs less, so (D)', 'D'],
    ['A', 'A'],
    ['D: 12', 'D'],
  ])('reads %j as %s', (answer, letter) => {
    expect(graders.choice.isRight(answer, letter)).toBe(true);
    expect(graders.choice.key(answer)).toBe(letter);
    expect(graders.choice.isRight(answer, letter === 'Z' ? 'A' : 'Z')).toBe(false);
  });

  it.each(['Bananas', 'none of them', '', '42'])('reads no letter in %j', (answer) => {
    expect(graders.choice.key(answer)).toBeUndefined();
  });

  it('refuses an expected answer that is no letter', () => {
    expect(checkExpected('choice', '7')).toMatch(/^a letter/);
    expect(checkExpected('choice', 'AB')).toMatch(/choices/);
    expect(checkExpected('choice', ' (b) ')).toBeUndefined();
  });
});

describe('The exact grader', () => {
  it('refuses an expected answer that no answer can equal', () => {
    for (const expected of ['two\nlines', 'ends in a point.', '\\boxed{5}', 'The answer is Paris'])
      expect(checkExpected('exact', expected)).toMatch(/^a text/);
    expect(checkExpected('exact', 'New  York')).toBeUndefined();
  });

  it('is right for an expected answer that it accepts', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        if (checkExpected('exact', text) === undefined) expect(graders.exact.isRight(text, text)).toBe(true);
      }),
    );
  });
});

describe('Shuffled options', () => {
  const choices = ['red', 'green', 'blue', 'black'];

  it('have the right one under the letter that is expected, in the same order each time', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(3), (id, index) => {
        const right = choices[index] ?? '';
        const { options, letter } = shuffleChoices(id, choices, right);
        expect(options.toSorted()).toEqual(choices.toSorted());
        expect(options['ABCD'.indexOf(letter)]).toBe(right);
        expect(shuffleChoices(id, choices, right)).toEqual({ options, letter });
      }),
    );
  });

  it('put the right one at each place about as often', () => {
    const counts = { A: 0, B: 0, C: 0, D: 0 };
    for (let id = 0; id < 1_000; id++) counts[shuffleChoices(`q${id}`, choices, 'red').letter as keyof typeof counts]++;
    for (const count of Object.values(counts)) expect(Math.abs(count - 250)).toBeLessThan(60);
  });

  it('are asked below the question, and graded by letter', () => {
    const question = { id: 'q', question: 'Which?', answer: 'blue', choices };
    const arranged = arrangeChoices(question);
    if (typeof arranged === 'string') throw new Error(arranged);
    expect(arranged.question).toMatch(/^Which\?\n\nA\) \w+\nB\) \w+\nC\) \w+\nD\) \w+\n\n/);
    expect(arranged.question).toContain(`${arranged.answer}) blue`);
    expect(arranged.grader).toBe('choice');
    // A letter means the option at this place of the file.
    expect(arrangeChoices({ ...question, answer: 'C' })).toEqual(arranged);
  });

  it.each([
    [{ choices: ['a', 'a'], answer: 'a' }, /twice/],
    [{ choices: ['only'], answer: 'only' }, /2 to 26/],
    [{ choices, answer: 'white' }, /none of the "choices"/],
    [{ choices, answer: 'red', grader: 'numeric' }, /grader/],
  ])('are refused: %j', (fields, message) => {
    expect(arrangeChoices({ id: 'q', question: 'Which?', ...fields })).toMatch(message);
  });
});
