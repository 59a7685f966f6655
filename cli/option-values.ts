import { UsageError } from './usage-error.ts';

/** Bounds of a number, both inclusive. */
interface Range {
  readonly min: number;
  /** If omitted, there is no upper bound. */
  readonly max?: number;
}

/** @throws {UsageError} if the text is not a number in the range */
export function parseNumber(option: string, text: string, range: Range): number {
  const value = Number(text);
  if (text.trim() !== '' && contains(range, value)) return value;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. It must be a number ${rangeText(range)}.`);
}

/** @throws {UsageError} if the text is not a whole number in the range */
export function parseWholeNumber(option: string, text: string, range: Range): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && contains(range, value)) return value;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. It must be a whole number ${rangeText(range)}.`);
}

/**
 * Parses whole numbers separated by commas. Returns them sorted, without duplicates; `none` is the empty list.
 *
 * @throws {UsageError} if one of them is not a whole number
 */
export function parseNumberList(option: string, text: string): readonly number[] {
  if (text.trim() === '' || text === 'none') return [];
  const parts = text.split(',').map((part) => part.trim());
  if (parts.every((part) => /^\d+$/.test(part))) return [...new Set(parts.map(Number))].toSorted((a, b) => a - b);
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. Give whole numbers with commas, such as 0,16,32.`);
}

/**
 * Parses the price of another API: dollars per million input and output tokens, such as `3,15`.
 *
 * @throws {UsageError} if the text is not two prices
 */
export function parsePrices(option: string, text: string): { readonly input: number; readonly output: number } {
  const [input, output, ...more] = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const fine = (value: number | undefined): value is number => value !== undefined && value >= 0 && value <= 1e6;
  if (more.length === 0 && fine(input) && fine(output)) return { input, output };
  throw new UsageError(
    `--${option} is ${JSON.stringify(text)}. Give dollars per million input tokens and per million output tokens, such as 3,15.`,
  );
}

/** One price for all tokens, or two as in `parsePrices`. */
export function parsePrice(
  option: string,
  text: string,
): number | { readonly prompt: number; readonly completion: number } {
  if (!text.includes(',')) return parseNumber(option, text, { min: 0, max: 1e6 });
  const { input, output } = parsePrices(option, text);
  return { prompt: input, completion: output };
}

/** @throws {UsageError} if the text is not one of `choices` */
export function parseChoice<const Choice extends string>(
  option: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. It must be one of ${choices.join(', ')}.`);
}

/** @throws {UsageError} if the text is neither `true` nor `false` */
export function parseBoolean(option: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. It must be true or false.`);
}

function contains({ min, max = Number.MAX_SAFE_INTEGER }: Range, value: number): boolean {
  return value >= min && value <= max;
}

function rangeText({ min, max }: Range): string {
  return max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
}

/** @throws {UsageError} if the text is not a JSON object */
export function parseJsonObject(option: string, text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Refused below, as other values are.
  }
  throw new UsageError(`--${option} is ${JSON.stringify(text)}. Give a JSON object, such as {"waits":1}.`);
}
