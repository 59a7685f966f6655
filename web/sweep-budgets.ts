import type { BoxValues } from './budget-box.ts';

/** A budget of a sweep, by its name in the form. */
export interface SweepBudget extends BoxValues {
  readonly name: string;
}

const MAX_BUDGETS = 16;

/**
 * Reads the budgets of a sweep: maxima of thinking tokens, `none`, or numbers of Waits, separated by commas.
 *
 * @throws {Error} that says what to write instead
 */
export function parseBudgets(text: string): readonly SweepBudget[] {
  const names = text
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '');
  if (names.length === 0) throw new Error('Write budgets, for instance 0, 24, 48, none, 1 wait.');
  const unique = [...new Set(names)];
  if (unique.length > MAX_BUDGETS)
    throw new Error(`${unique.length} budgets are too many. Write at most ${MAX_BUDGETS}.`);
  return unique.map(parseBudget);
}

function parseBudget(name: string): SweepBudget {
  if (name === 'none') return { name };
  if (/^\d{1,7}$/.test(name)) return { name, max: Number(name) };
  const waits = /^(\d{1,2}) ?waits?$/.exec(name);
  if (waits !== null) return { name, waits: Number(waits[1]) };
  throw new Error(`"${name}" is not a budget. Write a number of tokens, none, or a number of Waits, such as 2 waits.`);
}

/** What two answers must share to count as the same: their last number, or else their text up to case and white space. */
export function answerKey(text: string): string {
  const numbers = text.replaceAll(/(?<=\d),(?=\d{3})/g, '').match(/-?\d+(?:\.\d+)?/g);
  const last = numbers?.at(-1);
  return last === undefined ? text.trim().replaceAll(/\s+/g, ' ').toLowerCase() : String(Number(last));
}

/** Wilson's 95 % interval of a share. */
export function interval(right: number, count: number): readonly [low: number, high: number] {
  const z = 1.96;
  const share = right / count;
  const middle = share + (z * z) / (2 * count);
  const spread = z * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  const scale = 1 + (z * z) / count;
  return [Math.max(0, (middle - spread) / scale), Math.min(1, (middle + spread) / scale)];
}
