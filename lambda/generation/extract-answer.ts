/**
 * Extracts the final answer from a text: the content of the last `\boxed{}`; else the line after the last "Final Answer:" or
 * "answer is"; else the first line.
 *
 * @example
 * extractAnswer('So \\boxed{\\frac{1}{2}}.'); // '\\frac{1}{2}'
 */
export function extractAnswer(text: string): string {
  const boxed = lastBoxed(text);
  if (boxed !== undefined) return boxed.trim();
  const marker = [...text.matchAll(/(?:final answer|answer)\s*(?:is|:|=)\s*:?\s*/gi)].at(-1);
  const rest = marker === undefined ? text : text.slice(marker.index + marker[0].length);
  return withoutMarks(rest.trim().split('\n', 1)[0] ?? '');
}

/**
 * A line without asterisks at its start, and without asterisks, points and white space at its end. A pattern that ends in `+$` tries
 * every run of such characters to its end, so its time grows with the square of the text.
 */
function withoutMarks(line: string): string {
  let start = 0;
  while (line[start] === '*') start++;
  let end = line.length;
  while (end > start && isMark(line.charAt(end - 1))) end--;
  return line.slice(start, end).trim();
}

function isMark(character: string): boolean {
  return character === '*' || character === '.' || character.trim() === '';
}

/** The content of the last `\boxed{…}`, inner braces included. */
function lastBoxed(text: string): string | undefined {
  const start = text.lastIndexOf('\\boxed{');
  if (start < 0) return undefined;
  const from = start + '\\boxed{'.length;
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++;
    if (text[at] === '}' && --depth === 0) return text.slice(from, at);
  }
  return undefined;
}

/**
 * Extracts the last number of a text, since working comes before a result. Reads thousands separators, signs, decimals, percent
 * signs, simple fractions (`3/4`, `\frac{3}{4}`) and powers of ten; ignores units around the number. Returns `undefined` if the
 * text has no number.
 */
export function extractNumber(text: string): number | undefined {
  const plain = withoutUnits(text.replaceAll(/\\[dt]?frac\{(-?\d+)\}\{(\d+)\}/g, '$1/$2'))
    .replaceAll(/\\[,;! ]|\$/g, ' ')
    .replaceAll('\u2212', '-')
    .replaceAll(/(\d)[,\u00a0\u202f'’](?=\d{3}(?!\d))/g, '$1');
  const number = /(?<![\w.])-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?(?:\s*\/\s*\d+)?/g;
  const last = [...plain.matchAll(number)].at(-1)?.[0];
  if (last === undefined) return undefined;
  const [over, under] = last.split('/').map(Number);
  if (over === undefined || Number.isNaN(over)) return undefined;
  return under === undefined ? over : under === 0 ? undefined : over / under;
}

/** Replaces `\\text{…}` and `\\mathrm{…}`, each up to the next brace. Text after one that never closes is left as it is. */
function withoutUnits(text: string): string {
  let plain = '';
  let from = 0;
  for (const { index } of text.matchAll(/\\(?:text|mathrm)\{/g)) {
    if (index < from) continue;
    const close = text.indexOf('}', index);
    if (close < 0) break;
    plain += `${text.slice(from, index)} `;
    from = close + 1;
  }
  return plain + text.slice(from);
}
