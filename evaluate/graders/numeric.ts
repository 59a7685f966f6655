import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';
import type { BuiltInGrader } from './grader.ts';

/** A plain number: digits with thousands separators, a sign, decimals, a power of ten, a simple fraction, a percent or dollar sign. */
const PLAIN =
  /^\$? ?[-−+]? ?\$?(?:\d{1,3}(?:(?:,|\{,\}|['’\u00a0\u202f])\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?: ?\/ ?\d+)? ?\\?%?\$?$/;
const FRACTION = /^-?\\[dt]?frac\{-?\d+\}\{\d+\}$/;

/** Compares the last number of the answer, if it is not part of something else, with a plain number. Equal up to rounding: a relative error of 1e-6; whole numbers exactly. */
export const numeric: BuiltInGrader = {
  isRight(text, expected) {
    const actual = numberOf(text);
    const target = plainNumber(expected);
    if (actual === undefined || target === undefined) return false;
    if (Number.isInteger(actual) && Number.isInteger(target)) return actual === target;
    const error = Math.abs(actual - target);
    return error <= 1e-6 * Math.max(1, Math.abs(target)) && error < 0.01;
  },
  key(text) {
    const number = numberOf(text);
    return number === undefined ? undefined : String(Number(number.toPrecision(9)));
  },
  checkExpected: (expected) =>
    plainNumber(expected) === undefined
      ? 'a number: write a plain one, as 1234, -0.5 or 3/4, or set "grader" to math, exact or choice'
      : undefined,
};

/** The last number of the answer. `undefined` if it is only a part of the answer: of a root, a power, a tuple, an interval or a set. */
function numberOf(text: string): number | undefined {
  const answer = extractAnswer(text).replaceAll(/\\(?:text|mathrm)\{[^{}]*\}(?:\^(?:\d|\{\d\}))?/g, ' ');
  const result = answer.slice(answer.lastIndexOf('=') + 1);
  if (/\\sqrt|√|\\pi(?![a-z])|π|\^(?!\s*\{?\s*\\circ)/.test(result)) return undefined;
  const single = result.replaceAll(/(\d),(?=\d{3}(?!\d))/g, '$1');
  if (/[([{][^()[\]{}]*[,;][^()[\]{}]*[)\]}]\W*$/.test(single)) return undefined;
  return extractNumber(answer);
}

function plainNumber(text: string): number | undefined {
  const trimmed = text.trim().replaceAll(/[^\S\u00a0\u202f]+/g, ' ');
  if (!/\d/.test(trimmed) || !(PLAIN.test(trimmed) || FRACTION.test(trimmed))) return undefined;
  const number = extractNumber(trimmed.replaceAll('{,}', ',').replace(/([-−+])\s*\$?\s*(?=[\d.])/, '$1'));
  return number === undefined || !Number.isFinite(number) ? undefined : number;
}
