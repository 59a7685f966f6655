import { textLiteral } from './text-literal.ts';

/** Bounds of a number, as JSON schema names them. */
export interface NumberBounds {
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly exclusiveMaximum?: number | undefined;
}

/** Largest integer without a bound: 15 digits, which every reader keeps. */
const MAX_INTEGER = 999_999_999_999_999;

const FRACTION = '("." [0-9]{1,15})';
const BOUNDED_FRACTION = '("." [0-9]{1,6})';

/** Writes the rule of the integers in the bounds, without exponent. Returns `undefined` if there are none. */
export function integerRule(bounds: NumberBounds): string | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = bounds;
  const low = Math.max(
    Math.ceil(minimum ?? -MAX_INTEGER),
    exclusiveMinimum === undefined ? -MAX_INTEGER : Math.floor(exclusiveMinimum) + 1,
  );
  const high = Math.min(
    Math.floor(maximum ?? MAX_INTEGER),
    exclusiveMaximum === undefined ? MAX_INTEGER : Math.ceil(exclusiveMaximum) - 1,
  );
  return integersBetween(Math.max(low, -MAX_INTEGER), Math.min(high, MAX_INTEGER));
}

/**
 * Writes the rule of the numbers in the bounds: all of them without bounds; with bounds, those without exponent, as far as a rule can
 * tell. Returns `undefined` if it finds none.
 */
export function numberRule(bounds: NumberBounds): string | undefined {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = bounds;
  const { exclusiveMinimum = Number.NEGATIVE_INFINITY, exclusiveMaximum = Number.POSITIVE_INFINITY } = bounds;
  const low = Math.max(minimum, exclusiveMinimum);
  const high = Math.min(maximum, exclusiveMaximum);
  if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) {
    return `"-"? ("0" | [1-9] [0-9]{0,14}) ${FRACTION}? ([eE] [-+]? [1-9] [0-9]?)?`;
  }
  const allowed = (value: number) =>
    value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum;
  const parts: string[] = [];
  // Each integer of a range with any fraction: [i, i + 1) above zero, (-(i + 1), -i] below.
  const first = Math.max(0, allowed(Math.ceil(low)) ? Math.ceil(low) : Math.floor(low) + 1);
  const above = integersBetween(first, Math.min(MAX_INTEGER, Math.floor(high) - 1 - spare(high)));
  if (above !== undefined) parts.push(`(${above}) ${BOUNDED_FRACTION}?`);
  const last = Math.max(0, allowed(Math.floor(high)) ? Math.ceil(-high) : Math.floor(-high) + 1);
  const below = integersBetween(last, Math.min(MAX_INTEGER, Math.floor(-low) - 1 - spare(low)));
  if (below !== undefined) parts.push(`"-" (${below}) ${BOUNDED_FRACTION}?`);
  // What lies between an excluded or fractional bound and the next integer is written with one to three decimals.
  for (const edge of new Set([Math.floor(low), Math.floor(high), Math.ceil(high) - 1])) {
    if (Math.abs(edge) < 1e12) parts.push(...decimalsFrom(edge, allowed));
  }
  if (Number.isFinite(high) && Math.abs(high) <= MAX_INTEGER && allowed(high)) parts.push(textLiteral(plain(high)));
  return parts.length === 0 ? undefined : parts.join(' | ');
}

/** Beyond 10^9 a fraction could be rounded up to the bound, so the last integer below it is left out. */
function spare(bound: number): number {
  return Math.abs(bound) > 1e9 ? 1 : 0;
}

/** The allowed decimals in [edge, edge + 1], with the fewest digits that give at least one. */
function decimalsFrom(edge: number, allowed: (value: number) => boolean): readonly string[] {
  for (const digits of [1, 2, 3]) {
    const values = Array.from({ length: 10 ** digits - 1 }, (_, index) =>
      (edge + (index + 1) / 10 ** digits).toFixed(digits),
    );
    const found = values.filter((value) => allowed(Number(value)));
    if (found.length > 0) return found.map(textLiteral);
  }
  return [];
}

/** A number without exponent. */
function plain(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}

function integersBetween(low: number, high: number): string | undefined {
  if (low > high) return undefined;
  if (high < 0) return `"-" (${naturals(-high, -low)})`;
  if (low >= 0) return naturals(low, high);
  return `"-" (${naturals(1, -low)}) | ${naturals(0, high)}`;
}

/** The natural numbers from `low` to `high`, without leading zeros. */
function naturals(low: number, high: number): string {
  const parts: string[] = [];
  for (let from = low; from <= high; ) {
    const digits = String(from).length;
    const to = Math.min(high, 10 ** digits - 1);
    parts.push(sameLength(String(from), String(to)));
    from = to + 1;
  }
  return parts.join(' | ');
}

/** The digit strings from `low` to `high`, which have the same length. */
function sameLength(low: string, high: string): string {
  if (low === high) return `"${low}"`;
  const a = low.charAt(0);
  const b = high.charAt(0);
  const left = low.slice(1);
  const right = high.slice(1);
  if (a === b) return `"${a}" (${sameLength(left, right)})`;
  const any = left.length === 0 ? '' : ` [0-9]{${left.length}}`;
  const parts: string[] = [];
  const from = /^0*$/.test(left) ? Number(a) : Number(a) + 1;
  const to = /^9*$/.test(right) ? Number(b) : Number(b) - 1;
  if (from > Number(a)) parts.push(`"${a}" (${sameLength(left, '9'.repeat(left.length))})`);
  if (from <= to) parts.push(`[${from}-${to}]${any}`);
  if (to < Number(b)) parts.push(`"${b}" (${sameLength('0'.repeat(right.length), right)})`);
  return parts.join(' | ');
}
