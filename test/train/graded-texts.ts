import fc from 'fast-check';
import { type GraderName, graders } from '../../evaluate/graders.ts';
import { answerPairs } from '../evaluate/graders/answer-pairs.ts';

/** Pieces of answers in which JavaScript's and Python's patterns could differ: white space, digits, letters and signs outside ASCII, ends of lines. */
const pieces = [
  ...[
    '7',
    '-5',
    '+5',
    '1,234',
    '1 234',
    '1 234',
    '1’234',
    '0.5',
    '.5',
    '5.',
    '1e3',
    '1E-3',
    '3/4',
    '3 / 4',
    '1/0',
    '٣',
    '１２',
    '²',
  ],
  ...[
    '\\frac{1}{2}',
    '\\dfrac{-3}{4}',
    '\\sqrt{3}',
    '√3',
    '3\\pi',
    'π',
    '\\pixel',
    '5^2',
    '90^\\circ',
    '24 \\text{ cm}^2',
    '\\mathrm{kg}',
    '\\text{',
  ],
  ...[
    '\\boxed{',
    '}',
    '\\boxed{7}',
    '\\boxed{\\frac{1}{2}}',
    '{',
    '(',
    ')',
    '[',
    ']',
    ',',
    ';',
    '=',
    '%',
    '$',
    '\\$',
    '\\,',
    '\\!',
    '*',
    '**',
    '.',
    ' ',
    '  ',
  ],
  ...[
    '\n',
    '\r\n',
    '\t',
    '\u000b',
    '\u001c',
    '\u0085',
    '\u00a0',
    '\u202f',
    '\u2028',
    '\u3000',
    '\ufeff',
    '\u200b',
    '−',
    '–',
    '—',
    "'",
    '’',
    '"',
    '_',
    '`',
  ],
  ...[
    'The answer is ',
    'Answer: ',
    'FINAL ANSWER: ',
    'final answer is: ',
    'anſwer: ',
    'Answer = ',
    'Option ',
    'choice: ',
    'letter is ',
    'oPtion',
  ],
  ...[
    'A',
    'B',
    'b)',
    '(C)',
    '[D]',
    'B. ',
    'I',
    'B because A is wrong',
    'É',
    'ß',
    'ſ',
    'K',
    'İ',
    'Σ',
    'ΣΑΣ',
    'é',
    'x',
    'x = 5',
    'apples',
    'e',
    '😀',
    '\ud800',
  ],
] as const;

const text = fc
  .array(fc.constantFrom(...pieces), { minLength: 0, maxLength: 7 })
  .map((parts) => parts.join('').toWellFormed());

/** A text and an expected answer, and which graders call it right. */
export interface Graded {
  readonly text: string;
  readonly expected: string;
  readonly right: readonly GraderName[];
  /** Graders that can judge by the expected answer. */
  readonly accept: readonly GraderName[];
}

/** Graders that training/sft/grading.py has. */
const ported = ['exact', 'numeric', 'choice'] as const;

/** What the graders say of answers of people, and of texts that are put together from pieces. */
export function gradedTexts(): readonly Graded[] {
  const told = answerPairs.map(({ answer, expected }) => ({ text: answer, expected }));
  const expected = fc.oneof(
    text,
    fc.constantFrom('7', '-5', '1234', '0.5', '3/4', 'A', 'B', '(C)', 'x = 5', 'apples', 'é'),
  );
  const made = fc.sample(fc.record({ text, expected }), { seed: 23, numRuns: 3_000 });
  // A text is always graded against itself, too, since two that are put together are seldom the same.
  const same = fc
    .sample(text, { seed: 24, numRuns: 1_500 })
    .map((one) => ({ text: `The answer is ${one}`, expected: one }));
  return [...told, ...made, ...same].map((one) => ({
    ...one,
    right: ported.filter((name) => graders[name].isRight(one.text, one.expected)),
    accept: ported.filter((name) => graders[name].checkExpected(one.expected) === undefined),
  }));
}
