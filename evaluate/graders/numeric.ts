import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';
import type { BuiltInGrader } from './grader.ts';

/** A plain number: digits with thousands separators, a sign, decimals, a power of ten, a simple fraction, a percent or dollar sign. */
const PLAIN =
  /^\$?\s*[-−+]?\s*\$?(?:\d{1,3}(?:(?:,|\{,\}|['’\u00a0\u202f])\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s*\/\s*\d+)?\s*\\?%?\$?$/;
const FRACTION = /^-?\\[dt]?frac\{-?\d+\}\{\d+\}$/;

/** Compares the last number of the answer with a plain number. Equal up to rounding: a relative error of 1e-6; whole numbers exactly. */
export const numeric: BuiltInGrader = {
  isRight(text, expected) {
    const actual = extractNumber(extractAnswer(text));
    const target = plainNumber(expected);
    if (actual === undefined || target === undefined) return false;
    if (Number.isInteger(actual) && Number.isInteger(target)) return actual === target;
    const error = Math.abs(actual - target);
    return error <= 1e-6 * Math.max(1, Math.abs(target)) && error < 0.01;
  },
  key(text) {
    const number = extractNumber(extractAnswer(text));
    return number === undefined ? undefined : String(Number(number.toPrecision(9)));
  },
  checkExpected: (expected) =>
    plainNumber(expected) === undefined
      ? 'a number: write a plain one, as 1234, -0.5 or 3/4, or set "grader" to math, exact or choice'
      : undefined,
};

function plainNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/\d/.test(trimmed) || !(PLAIN.test(trimmed) || FRACTION.test(trimmed))) return undefined;
  const sign = trimmed.startsWith('-\\') ? -1 : 1;
  const number = extractNumber(trimmed.replaceAll('{,}', ',').replace(/([-−+])\s*\$?\s*(?=[\d.])/, '$1'));
  return number === undefined || !Number.isFinite(number) ? undefined : sign * number;
}
