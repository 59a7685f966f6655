import type { Range } from '../facts/aws-limits.ts';
import { groupDigits } from '../facts/group-digits.ts';
import type { Refusal } from '../facts/refusal.ts';

/**
 * Refuses a number outside the range that AWS accepts.
 *
 * @param code code of the refusal
 * @param name path of the value in the config, for instance `startupSeconds of s1-32b`
 */
export function checkRange(code: string, name: string, value: number, range: Range): Refusal | undefined {
  const { min, max, unit, source } = range;
  if (value >= min && value <= max) return undefined;
  const remedy = value < min ? `${min} or more` : `${max} or less`;
  return {
    code,
    sentence: `${name} is ${groupDigits(value)}, but AWS accepts ${groupDigits(min)} to ${groupDigits(max)} ${unit}: write ${remedy}.`,
    source,
  };
}
