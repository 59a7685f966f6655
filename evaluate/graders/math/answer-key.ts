import type { Value } from './algebra.ts';
import type { Expression, MathAnswer } from './answer.ts';
import { evaluateExpression, toComplex, variablesOf } from './evaluate-expression.ts';
import { infinityOf, points, wholePoints } from './same-answer.ts';

const NO_VALUE = '?';

/** A text that is the same for answers that agree: values at fixed points to nine digits. `undefined` if it has no value. */
export function answerKey(answer: MathAnswer): string | undefined {
  const key = keyOf(answer);
  return key.includes(NO_VALUE) ? undefined : key;
}

function keyOf(answer: MathAnswer): string {
  switch (answer.kind) {
    case 'scalar':
      return valueKey(answer.expression);
    case 'text':
      return answer.text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
        .trim();
    case 'ordered':
      return `${answer.open}${answer.items.map(keyOf).join(', ')}${answer.close}`;
    case 'unordered':
      return setKey(answer.items);
    case 'union':
      return answer.items.map(keyOf).sort().join(' U ');
    case 'matrix':
      return `[${answer.rows.map((row) => row.map(valueKey).join(', ')).join('; ')}]`;
    case 'relation':
      return answer.sides
        .map((side, index) => `${valueKey(side)} ${answer.operators[index] ?? ''}`)
        .join(' ')
        .trim();
    default:
      return answer satisfies never;
  }
}

function setKey(items: readonly MathAnswer[]): string {
  const keys = [...new Set(items.map(keyOf))].sort();
  return keys.length === 1 ? keys.join() : `{${keys.join(', ')}}`;
}

function valueKey(expression: Expression): string {
  const infinity = infinityOf(expression);
  if (infinity !== 0) return infinity > 0 ? 'infinity' : '-infinity';
  const names = variablesOf(expression);
  if (names.size === 0) return textOf(evaluateExpression(expression, new Map()));
  const values = [points(names), wholePoints(names)]
    .map((at) => at.slice(0, 3).map((point) => textOf(evaluateExpression(expression, point))))
    .find((texts) => !texts.includes(NO_VALUE));
  const [first = NO_VALUE] = values ?? [];
  if (values === undefined || values.every((value) => value === first)) return first;
  return `${[...names].sort().join('')}:${values.join('|')}`;
}

function textOf(value: Value | undefined): string {
  if (value === undefined) return NO_VALUE;
  const { re, im } = toComplex(value);
  // Without the last digits, in which equal values may differ.
  const size = Math.hypot(re, im);
  const [real = 0, imaginary = 0] = [re, im].map((part) =>
    Math.abs(part) < 1e-9 * size ? 0 : Number(part.toPrecision(9)),
  );
  return imaginary === 0 ? String(real) : `${real}+${imaginary}i`;
}
