import { algebra } from './algebra.ts';
import type { Token } from './tokens.ts';

/** Units of one letter that are read as such after a space: `5 m`, but `5m` is five times m. */
const LETTERS = new Set('m g s h L J N W V A K F C'.split(' '));
const NAMES: Readonly<Record<string, string>> = {
  meters: 'm',
  meter: 'm',
  metres: 'm',
  seconds: 's',
  second: 's',
  hours: 'h',
  hour: 'h',
  minutes: 'minute',
  mins: 'minute',
  min: 'minute',
  kilometers: 'km',
  centimeters: 'cm',
  millimeters: 'mm',
  kilograms: 'kg',
  grams: 'g',
  mph: 'mi/h',
  liters: 'l',
  litres: 'l',
  feet: 'ft',
  foot: 'ft',
  inches: 'inch',
  inch: 'inch',
  miles: 'mi',
  mile: 'mi',
  yards: 'yd',
  pounds: 'lbm',
  lbs: 'lbm',
  days: 'day',
  degrees: 'deg',
  radians: 'rad',
};

/**
 * Splits a unit or other words from the end of a number: `24 \text{ cm}^2`, `5 apples`, `12 km/h`.
 */
export function splitUnit(tokens: readonly Token[]): {
  readonly value: readonly Token[];
  readonly unit: string | undefined;
} {
  const from = tokens.findIndex((token, index) => index > 0 && startsUnit(token, tokens[index - 1]));
  const before = tokens[from - 1];
  if (from < 0 || before === undefined) return { value: tokens, unit: undefined };
  const rest = tokens.slice(from);
  const hasNumber = tokens
    .slice(0, from)
    .some(({ type, value }) => type === 'number' || value === 'pi' || value === 'infty');
  if (!hasNumber) return { value: tokens, unit: undefined };
  const isRest = rest.every(
    ({ type, value }) =>
      type === 'text' ||
      type === 'word' ||
      type === 'letter' ||
      type === 'number' ||
      ['^', '/', '{', '}', '-', 'cdot', '%', '(', ')', "'"].includes(value),
  );
  if (!isRest || !endsNumber(tokens.slice(0, from))) return { value: tokens, unit: undefined };
  return { value: tokens.slice(0, from), unit: rest.map(({ value }) => value).join(' ') };
}

function startsUnit({ type, value, spaced }: Token, before: Token | undefined): boolean {
  if (before?.value === '_' || before?.value === '^' || before?.value === '{') return false;
  if (type === 'text') return true;
  if (type === 'letter') return spaced && LETTERS.has(value) && before?.type !== 'letter' && before?.type !== 'symbol';
  if (type !== 'word' || before?.type === 'letter') return false;
  if (
    /^(?:sin|cos|tan|cot|sec|csc|ln|log|lg|exp|sqrt|pi|abs|inf|gcd|lcm|max|min|alpha|beta|theta|lambda|mu|sigma|phi|omega)$/.test(
      value,
    )
  )
    return value === 'min' && before?.type === 'number';
  return (
    value.length > 3 ||
    (spaced && value.length > 1) ||
    value in NAMES ||
    (algebra().Unit.isValuelessUnit(value) && value.length > 1 && !(/^[a-z]+$/.test(value) && /[xyzabn]/.test(value)))
  );
}

function endsNumber(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  return (
    last !== undefined &&
    (last.type === 'number' ||
      last.type === 'letter' ||
      last.type === 'word' ||
      ['}', ')', 'pi', '!', '%', 'degree'].includes(last.value))
  );
}

/** Whether the words after a number are a unit of measure. */
export function isUnit(words: string): boolean {
  return unitOf(words) !== undefined;
}

/** How many of `to` one of `from` is. `undefined` if they measure different things. */
export function unitRatio(from: string, to: string): number | undefined {
  const [a, b] = [unitOf(from), unitOf(to)];
  if (a === undefined || b === undefined) return undefined;
  if (a === b) return 1;
  const math = algebra();
  const [one, other] = [math.unit(1, a), math.unit(1, b)];
  return one.equalBase(other) ? math.number(one, b as unknown as Parameters<typeof math.number>[1]) : undefined;
}

function unitOf(words: string): string | undefined {
  if (words.length > 60) return undefined;
  const area = words
    .replaceAll(/\b(?:square|sq\.?)\s+(\w+)/g, '$1 ^ 2')
    .replaceAll(/\b(?:cubic|cu\.?)\s+(\w+)/g, '$1 ^ 3');
  const unit = area
    .replaceAll(/\bper\b/g, '/')
    .replaceAll('cdot', '*')
    .replaceAll(/[A-Za-z]+/g, (name) => (Object.hasOwn(NAMES, name) ? NAMES[name] : undefined) ?? name)
    .replaceAll(/[{}]/g, '')
    .replaceAll(/\s*([/^*-])\s*/g, '$1')
    .trim();
  if (!/^[A-Za-z]+(?:\^-?[1-9])?(?:[*/][A-Za-z]+(?:\^-?[1-9])?)*$/.test(unit)) return undefined;
  if (!(unit.match(/[A-Za-z]+/g) ?? []).every((name) => algebra().Unit.isValuelessUnit(name))) return undefined;
  return unit;
}
