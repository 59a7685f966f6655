import type { Expression, MathAnswer } from './answer.ts';
import { call, ExpressionParser } from './parse-expression.ts';
import { type Token, tokensOf, UnreadableMath } from './tokens.ts';
import { isUnit, splitUnit } from './units.ts';

const INFINITY: Expression = { kind: 'symbol', name: 'infty' };
const REAL_NUMBERS: MathAnswer = {
  kind: 'ordered',
  open: '(',
  close: ')',
  items: [call('negate', INFINITY), INFINITY].map((expression) => ({ kind: 'scalar', expression })),
};
const TRIGONOMETRIC = /^(?:sin|cos|tan|cot|sec|csc)$/;
const RELATIONS = ['=', '<', '>', 'le', 'ge', 'ne', 'approx', 'equiv'];

/**
 * Reads the answer to a question: a number, an expression, a tuple, an interval, a set, a list, a union, a matrix, an equation or
 * inequality, or text.
 *
 * @throws {UnreadableMath} if it is none of these
 */
function parseAnswer(text: string): MathAnswer {
  const trimmed = withoutPoint(text.trim());
  return answerOf(tokensOf(trimmed), trimmed);
}

/**
 * The readings of an answer. There are two if commas may separate thousands or answers: `100,200`.
 *
 * @throws {UnreadableMath} if there is none
 */
export function readingsOf(text: string): readonly MathAnswer[] {
  // In brackets a comma separates items: `(1,200)`.
  const thousands = /[([]|\\\{/.test(text)
    ? text
    : text.replaceAll(/(?<![\d.,])\d{1,3}(?:,\s?\d{3})+(?![\d]|,\d)/g, (number) => number.replaceAll(/,\s?/g, ''));
  if (thousands === text) return [parseAnswer(text)];
  return [thousands, text].flatMap((reading, index) => {
    try {
      return [parseAnswer(reading)];
    } catch (error) {
      if (index === 0 || !(error instanceof UnreadableMath)) throw error;
      return [];
    }
  });
}

function withoutPoint(text: string): string {
  return /[^.]\.$/.test(text) && !/\\(?:left|right)\.$/.test(text) ? text.slice(0, -1).trimEnd() : text;
}

function answerOf(all: readonly Token[], text: string): MathAnswer {
  const tokens = withoutBraces(all);
  if (tokens.length === 0) throw new UnreadableMath('it is empty');
  const words = wordsOf(tokens, text);
  if (words !== undefined) return { kind: 'text', text: words };
  const unions = split(tokens, isUnion);
  if (unions.length > 1) return { kind: 'union', items: unions.map((part) => answerOf(part, '')) };
  const items = split(withoutBoth(tokens), isSeparator).filter((part) => part.length > 0);
  if (items.length > 1) return { kind: 'unordered', braces: false, items: items.map((part) => answerOf(part, '')) };
  return itemOf(items[0] ?? tokens);
}

/** An answer that has words only. Words in mathematics (`\text{if}`) are refused later, by the parser of expressions. */
function wordsOf(tokens: readonly Token[], text: string): string | undefined {
  const letters = tokens.filter(({ type }) => type === 'text' || type === 'word');
  const isText = tokens.every(
    ({ type, value }) => type === 'text' || type === 'word' || type === 'letter' || "-()',;:&".includes(value),
  );
  if (letters.length === 0 || !isText) return undefined;
  if (letters.length === 1 && /^(?:yes|no|all|odd|not|one|two|six|ten)$/i.test(letters[0]?.value ?? ''))
    return letters[0]?.value;
  // `xy` and `abc` are products, `cos x` a function.
  if (letters.every(({ type, value }) => type === 'word' && value.length <= 3) && !/\s[a-z]{2}/i.test(text))
    return undefined;
  if (tokens.some(({ type, value }) => type === 'word' && /^(?:sin|cos|tan|ln|log|sqrt|exp|pi|or)$/.test(value)))
    return undefined;
  return tokens
    .map(({ value, spaced }) => (spaced ? ` ${value}` : value))
    .join('')
    .trim();
}

function isUnion({ type, value }: Token): boolean {
  return type === 'command' && value === 'cup';
}

function isSeparator({ type, value }: Token): boolean {
  return (
    (type === 'symbol' && (value === ',' || value === ';')) ||
    ((type === 'text' || type === 'word' || type === 'command') && /^(?:,?\s*)?(?:or|and)$/.test(value.trim()))
  );
}

/** "both 1 and 2" */
function withoutBoth(tokens: readonly Token[]): readonly Token[] {
  return tokens[0]?.value === 'both' ? tokens.slice(1) : tokens;
}

/** Braces around everything that group and are no set: `{5}`. */
function withoutBraces(tokens: readonly Token[]): readonly Token[] {
  let inner = tokens;
  while (inner[0]?.type === 'symbol' && inner[0].value === '{' && closeOf(inner, 0) === inner.length - 1) {
    const content = inner.slice(1, -1);
    if (content.length === 0 || split(content, isSeparator).length > 1) break;
    inner = content;
  }
  return inner;
}

function isOpen({ type, value }: Token): boolean {
  return (
    (type === 'symbol' && (value === '(' || value === '[' || value === '{')) ||
    (type === 'command' && (value === '{' || value === 'begin' || value === 'langle'))
  );
}

function isClose({ type, value }: Token): boolean {
  return (
    (type === 'symbol' && (value === ')' || value === ']' || value === '}')) ||
    (type === 'command' && (value === '}' || value === 'end' || value === 'rangle'))
  );
}

/** The index of the token that closes the one at `open`, or -1. An interval may close with either bracket. */
function closeOf(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === undefined) break;
    if (isOpen(token)) depth++;
    if (isClose(token) && --depth === 0) return at;
  }
  return -1;
}

function split(tokens: readonly Token[], isBoundary: (token: Token) => boolean): readonly (readonly Token[])[] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if (isOpen(token)) depth++;
    if (isClose(token)) depth--;
    if (depth === 0 && isBoundary(token)) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function itemOf(tokens: readonly Token[]): MathAnswer {
  const [first] = tokens;
  if (first === undefined) throw new UnreadableMath('a part is empty');
  if (first.value === 'emptyset' && tokens.length === 1) return { kind: 'unordered', braces: true, items: [] };
  const numbers =
    first.value === 'mathbb'
      ? tokens
          .slice(1)
          .map(({ value }) => value)
          .join('')
          .replaceAll(/[{}]/g, '')
      : '';
  if (/^[A-Z]$/.test(numbers)) return numbers === 'R' ? REAL_NUMBERS : { kind: 'text', text: `mathbb ${numbers}` };
  const membership = tokens.findIndex(({ type, value }) => type === 'command' && value === 'in');
  if (membership > 0) return answerOf(tokens.slice(membership + 1), '');
  if (isOpen(first) && closeOf(tokens, 0) === tokens.length - 1) {
    const enclosed = enclosedOf(tokens);
    if (enclosed !== undefined) return enclosed;
  }
  const ratio = split(tokens, ({ type, value }) => type === 'symbol' && value === ':');
  if (ratio.length > 1) return ratioOf(ratio.map(expressionOf));
  return relationOf(tokens);
}

/** `2:3` is two thirds. Of more parts, or with a zero as in `11:00`, the parts count. */
function ratioOf(parts: readonly Expression[]): MathAnswer {
  const [over, under] = parts;
  const isZero = under?.kind === 'number' && BigInt(under.value.n) === 0n;
  if (parts.length === 2 && over !== undefined && under !== undefined && !isZero)
    return { kind: 'scalar', expression: call('divide', over, under) };
  return { kind: 'ordered', open: ':', close: ':', items: parts.map((expression) => ({ kind: 'scalar', expression })) };
}

function enclosedOf(tokens: readonly Token[]): MathAnswer | undefined {
  const [open, close] = [tokens[0]?.value ?? '', tokens.at(-1)?.value ?? ''];
  if (open === 'begin') return matrixOf(tokens);
  const content = tokens.slice(1, -1);
  if (content[0]?.value === 'begin' && closeOf(content, 0) === content.length - 1) return matrixOf(content);
  const parts = split(content, isSeparator);
  const braces = open === '{';
  if (braces) {
    if (content.length === 0) return { kind: 'unordered', braces, items: [] };
    // `\{x \mid x > 3\}`
    if (content[0]?.type === 'letter' && ['vert', '|', ':'].includes(content[1]?.value ?? ''))
      return answerOf(content.slice(2), '');
    return { kind: 'unordered', braces, items: parts.map((part) => answerOf(part, '')) };
  }
  if (parts.length < 2) return undefined;
  return {
    kind: 'ordered',
    open: open === 'langle' ? '(' : open,
    close: close === 'rangle' ? ')' : close,
    items: parts.map((part) => answerOf(part, '')),
  };
}

function matrixOf(tokens: readonly Token[]): MathAnswer {
  const rows = split(tokens.slice(1, -1), ({ type, value }) => type === 'command' && (value === '\\' || value === 'cr'))
    .filter((row) => row.length > 0)
    .map((row) => split(row, ({ value }) => value === '&').map(expressionOf));
  return { kind: 'matrix', rows };
}

function expressionOf(tokens: readonly Token[]): Expression {
  const parser = new ExpressionParser(tokens);
  const expression = parser.sum();
  if (parser.next !== undefined) throw new UnreadableMath(`${JSON.stringify(parser.next.value)} is not expected there`);
  return expression;
}

function relationOf(tokens: readonly Token[]): MathAnswer {
  const isRelation = ({ type, value }: Token) => (type === 'symbol' || type === 'command') && RELATIONS.includes(value);
  const sides = split(tokens, isRelation);
  if (sides.length === 1) return scalarOf(tokens);
  const operators = tokens
    .filter(isRelation)
    .map(({ value }) => (value === 'equiv' || value === 'approx' ? '=' : value));
  // `\approx 3.14`
  const [first, last] = [sides[0] ?? [], sides.at(-1) ?? []];
  const equations = operators.every((operator) => operator === '=');
  if (equations && (first.length === 0 || isName(first))) {
    const answer = answerOf(last, '');
    const [name, ...more] = first;
    if (answer.kind !== 'scalar' || name?.type !== 'letter' || more.length > 0 || sides.length > 2) return answer;
    return { ...answer, name: name.value };
  }
  return { kind: 'relation', operators, sides: sides.map(expressionOf) };
}

/** What an answer is called: `x`, `f(x)`, `x_1`, `\\angle ABC`, `AB`, `(x, y)`. */
function isName(tokens: readonly Token[]): boolean {
  const values = tokens.map(({ value }) => value).join('');
  return (
    /^(?:angle)?(?:[A-Za-z]{1,3}|theta|alpha|lambda|mu|sigma)(?:'|_\{?[A-Za-z0-9]+\}?)*(?:\((?:[a-z]|-?\d+)(?:,(?:[a-z]|-?\d+))*\))?$|^\([a-z](?:,[a-z])+\)$/.test(
      values,
    ) ||
    /^(?:vec|overrightarrow|overline|hat|bar)\{?[A-Za-z]{1,3}\}?$|^frac\{d[a-z]?\}\{d[a-z]\}[a-z]?$/.test(values) ||
    tokens.every(({ type }) => type === 'text' || type === 'word')
  );
}

function scalarOf(tokens: readonly Token[]): MathAnswer {
  const last = tokens.at(-1);
  if (last?.value === '%') return { ...scalarOf(tokens.slice(0, -1)), percent: true } as MathAnswer;
  const angle = ['^ { degree }', '^ degree', 'degree'].find((sign) => endsIn(tokens, sign.split(' ')));
  if (angle !== undefined && !tokens.some(({ value }) => TRIGONOMETRIC.test(value)))
    return { kind: 'scalar', expression: expressionOf(tokens.slice(0, -angle.split(' ').length)), unit: 'deg' };
  const { value, unit } = splitUnit(tokens);
  if (value.length === 0) throw new UnreadableMath('it has no number');
  if (unit !== undefined && value.at(-1)?.value === '%') return scalarOf(value);
  const based = baseOf(value);
  if (based !== undefined) return { kind: 'scalar', expression: expressionOf(value.slice(0, 1)), base: based };
  return {
    kind: 'scalar',
    expression: expressionOf(value),
    unit: unit !== undefined && isUnit(unit) ? unit : undefined,
  };
}

function endsIn(tokens: readonly Token[], values: readonly string[]): boolean {
  return (
    values.length < tokens.length && tokens.slice(-values.length).every(({ value }, index) => value === values[index])
  );
}

/** The base of a numeral: `2516_8`, `1011_{2}`, `2516_{\\text{eight}}`. */
function baseOf(tokens: readonly Token[]): string | undefined {
  if (tokens[0]?.type !== 'number' || tokens[1]?.value !== '_') return undefined;
  const base = tokens
    .slice(2)
    .map(({ value }) => value)
    .join('')
    .replaceAll(/[{}]/g, '');
  return /^(?:\d+|[a-z]+)$/.test(base) ? base : undefined;
}
