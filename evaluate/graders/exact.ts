import { extractAnswer } from '../../lambda/generation/extract-answer.ts';
import type { BuiltInGrader } from './grader.ts';

const normalText = (text: string): string => text.trim().toLowerCase().replaceAll(/\s+/g, ' ');

/** The same text, up to case and white space. */
export const exact: BuiltInGrader = {
  isRight: (text, expected) => normalText(extractAnswer(text)) === normalText(expected),
  key: (text) => normalText(extractAnswer(text)) || undefined,
  checkExpected: (expected) =>
    normalText(extractAnswer(expected)) === normalText(expected)
      ? undefined
      : 'a text: write the answer alone, in one line without "answer is", \\boxed, asterisks around it or a point at its end',
};
