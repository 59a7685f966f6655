import fc from 'fast-check';

const space = fc.stringMatching(/^[ \n\r\t]{0,2}$/);
const number = fc.oneof(
  fc.constantFrom('12345678901234567890', '1.10', '-0', '0.1e+999', '1E-7', '100000000000000000000000.000'),
  fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,25})?([eE][-+]?\d{1,4})?$/),
);
const character = fc.oneof(
  fc.stringMatching(/^\\(["\\/bfnrt]|u[0-9a-fA-F]{4})$/),
  fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc.constantFrom('</tool_call>', '<tool_call>', '\u2028', '\u007f', '{', ']', '\u{1f600}'),
);
const string = fc.array(character, { maxLength: 4 }).map((characters) => `"${characters.join('')}"`);
const key = fc.oneof(string, fc.constantFrom('"a"', '"__proto__"', '"10"', '"name"', '"arguments"'));

const { value, object } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('true', 'false', 'null'),
    number,
    string,
    tie('array'),
    tie('object'),
  ),
  array: fc
    .tuple(space, fc.array(fc.tuple(space, tie('value'), space), { maxLength: 4 }))
    .map(([empty, items]) => `[${items.length === 0 ? empty : items.map((item) => item.join('')).join(',')}]`),
  object: fc
    .tuple(space, fc.array(fc.tuple(space, key, space, space, tie('value'), space), { maxLength: 4 }))
    .map(
      ([empty, members]) =>
        `{${members.length === 0 ? empty : members.map(([a, name, b, c, inner, d]) => `${a}${name}${b}:${c}${inner}${d}`).join(',')}}`,
    ),
}));

/** Any text that is JSON: long numbers, escapes, keys in any order and twice, white space. */
export const anyJsonText: fc.Arbitrary<string> = value;

/** Any text that is a JSON object. */
export const anyJsonObject: fc.Arbitrary<string> = object;
