/**
 * Returns a function that cuts a text inside every control string, so that no piece contains a whole one. A tokenizer turns every
 * whole control string into a control token, even one that a user typed. Overlapping ones (`<|im<|im_start|>_start|>`) are each
 * cut. Linear in the length of the text.
 *
 * @param further pattern of more control strings; must be valid with the flag `u`.
 *
 * @example
 * const cut = controlStringCutter(['<|im_start|>']);
 * cut('a <|im_start|> b'); // ['a <', '|im_start|> b']
 */
export function controlStringCutter(
  controls: readonly string[],
  further?: RegExp,
): (text: string) => readonly string[] {
  const known = controls
    .filter((control) => control.length > 1)
    .toSorted((a, b) => b.length - a.length)
    .map((control) => control.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  const alternatives = [...known, ...(further === undefined ? [] : [further.source])];
  if (alternatives.length === 0) return (text) => (text === '' ? [] : [text]);
  // A lookahead consumes nothing, so a match may begin inside another.
  const start = new RegExp(`(?=${alternatives.join('|')})`, 'gu');
  return (text) => {
    const pieces: string[] = [];
    let from = 0;
    for (const match of text.matchAll(start)) {
      const first = text.codePointAt(match.index) ?? 0;
      const cut = match.index + (first > 0xffff ? 2 : 1);
      if (cut > from) pieces.push(text.slice(from, cut));
      from = Math.max(from, cut);
    }
    if (from < text.length) pieces.push(text.slice(from));
    return pieces;
  };
}
