import type { Expression, MathAnswer } from './answer.ts';
import { evaluateExpression, toComplex, variablesOf } from './evaluate-expression.ts';
import { points } from './same-answer.ts';

/** A text that is the same for answers that agree: values at fixed points to nine digits. */
export function answerKey(answer: MathAnswer): string {
  switch (answer.kind) {
    case 'scalar':
      return valueKey(answer.expression);
    case 'text':
      return answer.text
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
        .trim();
    case 'ordered':
      return `${answer.open}${answer.items.map(answerKey).join(', ')}${answer.close}`;
    case 'unordered':
      return answer.items.length === 1
        ? answer.items.map(answerKey).join()
        : `{${answer.items.map(answerKey).sort().join(', ')}}`;
    case 'union':
      return answer.items.map(answerKey).sort().join(' U ');
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

function valueKey(expression: Expression): string {
  const names = variablesOf(expression);
  const values = (names.size === 0 ? [new Map()] : points(names).slice(0, 3)).map((point) =>
    evaluateExpression(expression, point),
  );
  const texts = values.map((value) => {
    if (value === undefined) return '?';
    const { re, im } = toComplex(value);
    const [real, imaginary] = [re, im].map((part) => String(Number(part.toPrecision(9))));
    return im === 0 ? real : `${real}+${imaginary}i`;
  });
  if (texts.every((text) => text === '?'))
    return JSON.stringify(expression, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  return names.size === 0 ? texts.join() : `${[...names].sort().join('')}:${texts.join('|')}`;
}
