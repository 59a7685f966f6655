import { algebra } from './algebra.ts';
import type { Expression, MathAnswer } from './answer.ts';
import { evaluateExpression, isExact, type Point, toComplex, variablesOf } from './evaluate-expression.ts';
import { call, literal } from './parse-expression.ts';
import { unitRatio } from './units.ts';

/** Relative difference up to which floating-point values are equal. */
const PRECISION = 1e-10;
/** Relative difference up to which a rounded decimal is equal to an exact value, if its digits allow it. */
const ROUNDING = 5e-7;
/** Most items of a set or list that are compared in any order. */
const MAX_ITEMS = 100;

type Scalar = Extract<MathAnswer, { kind: 'scalar' }>;

/** Whether two answers are the same. Sets and lists in any order; tuples, intervals and matrices item by item. */
export function sameAnswer(given: MathAnswer, expected: MathAnswer): boolean {
  const a = simplified(given);
  const b = simplified(expected);
  if (a.kind === 'ordered' && b.kind === 'unordered' && !b.braces && isTuple(a)) return sameInOrder(a.items, b.items);
  if (b.kind === 'ordered' && a.kind === 'unordered' && !a.braces && isTuple(b)) return sameInOrder(a.items, b.items);
  if (a.kind === 'relation' && b.kind === 'scalar') return sameAnswer(b, a);
  switch (a.kind) {
    case 'scalar':
      if (b.kind === 'text') return isLetter(a, b.text);
      if (b.kind === 'relation') return a.name !== undefined && sameRelation(equationOf(a, a.name), b);
      return b.kind === 'scalar' && sameScalar(a, b);
    case 'text':
      return (
        (b.kind === 'text' && normalText(a.text) === normalText(b.text)) || (b.kind === 'scalar' && isLetter(b, a.text))
      );
    case 'ordered':
      return b.kind === 'ordered' && a.open === b.open && a.close === b.close && sameInOrder(a.items, b.items);
    case 'unordered':
    case 'union':
      return b.kind === a.kind && sameInAnyOrder(a.items, b.items);
    case 'matrix':
      return (
        b.kind === 'matrix' &&
        a.rows.length === b.rows.length &&
        a.rows.every(
          (row, i) =>
            row.length === b.rows[i]?.length && row.every((cell, j) => sameValue(cell, b.rows[i]?.[j] ?? cell)),
        )
      );
    case 'relation':
      return b.kind === 'relation' && sameRelation(a, b);
    default:
      return a satisfies never;
  }
}

/** One form for what is written in several: `1 \pm 2` is two values, `{5}` is 5, `x > 3` an interval. */
function simplified(answer: MathAnswer): MathAnswer {
  if (answer.kind === 'scalar') return signsOf(answer);
  if (answer.kind === 'unordered') {
    const items = answer.items
      .map(simplified)
      .flatMap((item) => (item.kind === 'unordered' && !item.braces ? item.items : [item]));
    const distinct = answer.braces || items.length > MAX_ITEMS ? items : withoutRepeats(items);
    const [only] = distinct;
    return distinct.length === 1 && only !== undefined ? only : { ...answer, items: distinct };
  }
  if (answer.kind === 'relation') return intervalOf(answer) ?? answer;
  return answer;
}

/** `\frac{11}{2} \text{ or } 5.5` is one answer. */
function withoutRepeats(items: readonly MathAnswer[]): readonly MathAnswer[] {
  return items.filter((item, index) => !items.slice(0, index).some((before) => sameAnswer(before, item)));
}

function signsOf(answer: Scalar): MathAnswer {
  if (!hasSign(answer.expression)) return answer;
  const items = [1, -1].map((sign) => ({ ...answer, expression: withSign(answer.expression, sign) }));
  return { kind: 'unordered', braces: false, items };
}

function hasSign(expression: Expression): boolean {
  return (
    expression.kind === 'call' &&
    (expression.name === 'pm' || expression.name === 'mp' || expression.args.some(hasSign))
  );
}

function withSign(expression: Expression, sign: number): Expression {
  if (expression.kind !== 'call') return expression;
  const args = expression.args.map((arg) => withSign(arg, sign));
  if (expression.name !== 'pm' && expression.name !== 'mp') return { ...expression, args };
  return call((expression.name === 'pm') === sign > 0 ? 'add' : 'subtract', ...args);
}

type Relation = Extract<MathAnswer, { kind: 'relation' }>;

/** The interval of an inequality in one variable: `1 < x \le 3`, `x \ge 2`, `5 > x`. */
function intervalOf({ operators, sides }: Relation): MathAnswer | undefined {
  const at = sides.findIndex(({ kind }) => kind === 'symbol');
  const variable = sides[at];
  if (variable?.kind !== 'symbol' || operators.some((operator) => !['<', '>', 'le', 'ge'].includes(operator)))
    return undefined;
  if (sides.some((side, index) => index !== at && variablesOf(side).size > 0)) return undefined;
  let low: { value: Expression; open: string } | undefined;
  let high: { value: Expression; close: string } | undefined;
  for (const [index, operator] of operators.entries()) {
    if (index !== at && index !== at - 1) return undefined;
    const value = sides[index === at ? at + 1 : index];
    if (value === undefined) return undefined;
    const strict = operator === '<' || operator === '>';
    const below = (operator === '<' || operator === 'le') === (index === at - 1);
    if (below) low = { value, open: strict ? '(' : '[' };
    else high = { value, close: strict ? ')' : ']' };
  }
  const infinity: Expression = { kind: 'symbol', name: 'infty' };
  const item = (expression: Expression): MathAnswer => ({ kind: 'scalar', expression });
  return {
    kind: 'ordered',
    open: low?.open ?? '(',
    close: high?.close ?? ')',
    items: [item(low?.value ?? call('negate', infinity)), item(high?.value ?? infinity)],
  };
}

/** Equations are the same if one is a multiple of the other; other relations if each side is the same. */
function sameRelation(a: Relation, b: Relation): boolean {
  if (a.operators.join() === '=' && b.operators.join() === '=') {
    const [one, other] = [a, b].map(({ sides: [left, right] }) =>
      call('subtract', left ?? literal('0'), right ?? literal('0')),
    );
    if (one === undefined || other === undefined) return false;
    const ratios = points(new Set([...variablesOf(one), ...variablesOf(other)])).flatMap((point) => {
      const [x, y] = [evaluateExpression(one, point), evaluateExpression(other, point)];
      if (x === undefined || y === undefined) return [];
      const [p, q] = [toComplex(x), toComplex(y)];
      return q.re === 0 && q.im === 0 ? [] : [p.re / q.re];
    });
    const [first] = ratios;
    return first !== undefined && first !== 0 && ratios.length > 1 && ratios.every((ratio) => near(ratio, first, 1e-8));
  }
  const mirrored = (relation: Relation): Relation => ({
    ...relation,
    operators: relation.operators
      .map((operator) => (Object.hasOwn(MIRROR, operator) ? MIRROR[operator] : undefined) ?? operator)
      .toReversed(),
    sides: relation.sides.toReversed(),
  });
  const same = (x: Relation, y: Relation) =>
    x.operators.join() === y.operators.join() &&
    x.sides.every((side, index) => sameValue(side, y.sides[index] ?? side));
  return same(a, b) || same(mirrored(a), b);
}

const MIRROR: Readonly<Record<string, string>> = { '<': '>', '>': '<', le: 'ge', ge: 'le' };

function equationOf({ expression }: Scalar, name: string): Relation {
  return { kind: 'relation', operators: ['='], sides: [{ kind: 'symbol', name }, expression] };
}

function isTuple({ open, close }: Extract<MathAnswer, { kind: 'ordered' }>): boolean {
  return open === '(' && close === ')';
}

function sameInOrder(a: readonly MathAnswer[], b: readonly MathAnswer[]): boolean {
  return a.length === b.length && a.every((item, index) => sameAnswer(item, b[index] ?? item));
}

function sameInAnyOrder(a: readonly MathAnswer[], b: readonly MathAnswer[]): boolean {
  if (a.length !== b.length || a.length > MAX_ITEMS) return false;
  const left = [...b];
  return a.every((item) => {
    const at = left.findIndex((other) => sameAnswer(item, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function sameScalar(a: Scalar, b: Scalar): boolean {
  if (a.base !== undefined && b.base !== undefined && a.base !== b.base) return false;
  // Percent signs may be left out on either side, or be computed.
  if (a.percent === true && b.percent !== true)
    return (
      sameValue(a.expression, b.expression) || sameValue(call('divide', a.expression, literal('100')), b.expression)
    );
  if (b.percent === true && a.percent !== true) return sameScalar(b, a);
  if (a.unit === undefined || b.unit === undefined) return sameValue(a.expression, b.expression);
  const ratio = unitRatio(a.unit, b.unit);
  if (ratio === undefined) return false;
  if (ratio === 1) return sameValue(a.expression, b.expression);
  const [x, y] = [a, b].map(({ expression }) => evaluateExpression(expression, new Map()));
  return x !== undefined && y !== undefined && near(toComplex(x).re * ratio, toComplex(y).re, 1e-9);
}

/** Whether two expressions have the same value, at every point if they have variables. */
function sameValue(a: Expression, b: Expression): boolean {
  const infinities = [a, b].map(infinityOf);
  if (infinities.some((sign) => sign !== 0)) return infinities[0] === infinities[1];
  const names = new Set([...variablesOf(a), ...variablesOf(b)]);
  if (names.size === 0) {
    const [x, y] = [evaluateExpression(a, new Map()), evaluateExpression(b, new Map())];
    if (x === undefined || y === undefined) return false;
    if (isExact(x) && isExact(y) && algebra().equal(x, y)) return true;
    const digits = Math.min(decimalsOf(a) ?? Number.POSITIVE_INFINITY, decimalsOf(b) ?? Number.POSITIVE_INFINITY);
    const [p, q] = [toComplex(x), toComplex(y)];
    const distance = Math.hypot(p.re - q.re, p.im - q.im);
    const size = Math.hypot(q.re, q.im);
    if (digits < Number.POSITIVE_INFINITY)
      return distance <= ROUNDING * Math.max(1, size) && distance <= 1.000001 * 10 ** -Math.min(digits, 15);
    return !(isExact(x) && isExact(y)) && distance <= PRECISION * Math.max(size, Math.hypot(p.re, p.im), 1e-300);
  }
  return sameAt(a, b, points(names)) ?? sameAt(a, b, wholePoints(names)) ?? false;
}

/** Whether two expressions have the same values at some points. `undefined` if they have values at fewer than two. */
function sameAt(a: Expression, b: Expression, at: readonly Point[]): boolean | undefined {
  let compared = 0;
  for (const point of at) {
    const [x, y] = [evaluateExpression(a, point), evaluateExpression(b, point)];
    if (x === undefined || y === undefined) {
      if (x !== y) return false;
      continue;
    }
    compared++;
    if (isExact(x) && isExact(y)) {
      if (!algebra().equal(x, y)) return false;
      continue;
    }
    const [p, q] = [toComplex(x), toComplex(y)];
    const size = Math.max(1e-9, Math.hypot(p.re, p.im), Math.hypot(q.re, q.im));
    if (Math.hypot(p.re - q.re, p.im - q.im) > 1e-8 * size) return false;
  }
  return compared > 1 ? true : undefined;
}

/** Whole numbers, at which factorials and binomials have values. */
export function wholePoints(names: ReadonlySet<string>): readonly Point[] {
  const sorted = [...names].sort();
  return [11, 13, 16].map(
    (first) => new Map(sorted.map((name, index) => [name, algebra().fraction(Math.max(1, first - 4 * index))])),
  );
}

/** Fixed points at which expressions with variables are compared: some negative, some below 1, no special values. */
export function points(names: ReadonlySet<string>): readonly Point[] {
  const math = algebra();
  const values = [
    [7, 5],
    [-13, 11],
    [23, 17],
    [-5, 19],
    [29, 7],
    [3, 31],
    [-37, 13],
    [41, 29],
    [53, 43],
    [-59, 47],
  ] as const;
  const sorted = [...names].sort();
  return [0, 1, 2, 3, 4, 5].map(
    (shift) =>
      new Map(
        sorted.map((name, index) => {
          const [over, under] = values[(index * 3 + shift) % values.length] ?? [7, 5];
          return [name, math.fraction(over + index * under * ((shift % 3) - 1), under)];
        }),
      ),
  );
}

/** 1 or -1 for an infinity, 0 for anything else. */
export function infinityOf(expression: Expression): number {
  if (expression.kind === 'symbol') return expression.name === 'infty' ? 1 : 0;
  if (expression.kind !== 'call' || expression.args.length === 0) return 0;
  const [first] = expression.args;
  return expression.name === 'negate' && first !== undefined ? -infinityOf(first) : 0;
}

/** Decimals of a number that is written with some, else `undefined`. */
function decimalsOf(expression: Expression): number | undefined {
  if (expression.kind === 'call' && expression.name === 'negate') return decimalsOf(expression.args[0] ?? expression);
  if (expression.kind !== 'number' || expression.decimals === 0) return undefined;
  return BigInt(expression.value.d) === 1n ? undefined : expression.decimals;
}

function near(x: number, y: number, tolerance: number): boolean {
  return Math.abs(x - y) <= tolerance * Math.max(Math.abs(x), Math.abs(y));
}

function normalText(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** `\text{C}` and `C` are the same letter. */
function isLetter({ expression }: Scalar, text: string): boolean {
  return expression.kind === 'symbol' && normalText(expression.name) === normalText(text);
}
