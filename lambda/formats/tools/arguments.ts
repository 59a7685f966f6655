import { JsonScanner } from './json-scanner.ts';

/** One argument of a call, in the model's own text. */
export interface Argument {
  readonly key: string;
  /** Text of the value, decoded if it is a string. Other values keep every byte. */
  readonly text: string;
  readonly isString: boolean;
}

/**
 * Splits the arguments of a call, a JSON object, without parsing their values, so that numbers keep their digits.
 *
 * @returns an empty list if the text is not a JSON object
 */
export function argumentsOf(json: string): readonly Argument[] {
  const members: Argument[] = [];
  let key = '';
  let from = 0;
  let whole = false;
  const scanner = new JsonScanner({
    key: (depth, start, to) => {
      if (depth === 1) key = String(JSON.parse(json.slice(start, to)));
    },
    begin: (depth, at) => {
      if (depth === 1) from = at;
    },
    end: (depth, to) => {
      if (depth === 0) whole = json.trimStart().startsWith('{');
      if (depth !== 1) return;
      const text = json.slice(from, to);
      const isString = text.startsWith('"');
      members.push({ key, text: isString ? String(JSON.parse(text)) : text, isString });
    },
  });
  const valid = scanner.push(json) === json.length;
  return valid && whole ? members : [];
}
