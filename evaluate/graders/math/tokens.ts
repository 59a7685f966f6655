/** A token of LaTeX or plain mathematical text. */
export interface Token {
  readonly type: 'number' | 'letter' | 'word' | 'text' | 'command' | 'symbol';
  /** Digits, letters, the name of a command without its backslash, or the symbol. */
  readonly value: string;
  /** Whether white space comes before the token. */
  readonly spaced: boolean;
}

/** An answer that cannot be read as mathematics. The message says why. */
export class UnreadableMath extends Error {}

/** Longest answer that is read, in characters. A longer one is no final answer, and the limit bounds the work of a grader. */
export const MAX_LENGTH = 2_000;

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';
const VULGAR = { '½': '1/2', '⅓': '1/3', '⅔': '2/3', '¼': '1/4', '¾': '3/4', '⅕': '1/5', '⅛': '1/8', '⅜': '3/8' };
const UNICODE: Readonly<Record<string, string>> = {
  '−': '-',
  '–': '-',
  '×': '\\times ',
  '·': '\\cdot ',
  '⋅': '\\cdot ',
  '∗': '*',
  '÷': '\\div ',
  '⁄': '/',
  π: '\\pi ',
  θ: '\\theta ',
  α: '\\alpha ',
  β: '\\beta ',
  λ: '\\lambda ',
  '∞': '\\infty ',
  '√': '\\sqrt ',
  '±': '\\pm ',
  '∓': '\\mp ',
  '≤': '\\le ',
  '≥': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '∪': '\\cup ',
  '∩': '\\cap ',
  '∈': '\\in ',
  '∅': '\\emptyset ',
  '°': '\\degree ',
  '′': "'",
  '，': ',',
};

/** Spacing and sizes that change nothing. */
const IGNORED = new Set(
  (
    'displaystyle textstyle left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr middle limits ' +
    'quad qquad thinspace negthinspace nobreak boxed fbox mathstrut hfill'
  ).split(' '),
);

const ALIASES: Readonly<Record<string, string>> = {
  dfrac: 'frac',
  tfrac: 'frac',
  cfrac: 'frac',
  dbinom: 'binom',
  tbinom: 'binom',
  leq: 'le',
  leqslant: 'le',
  geq: 'ge',
  geqslant: 'ge',
  lt: '<',
  gt: '>',
  neq: 'ne',
  lbrace: '{',
  rbrace: '}',
  lbrack: '[',
  rbrack: ']',
  lvert: 'vert',
  rvert: 'vert',
  mid: 'vert',
  ast: 'times',
  varnothing: 'emptyset',
  circ: 'degree',
  colon: ':',
  infin: 'infty',
  varphi: 'phi',
  varepsilon: 'epsilon',
  approxeq: 'approx',
  simeq: 'approx',
  implies: 'to',
  rightarrow: 'to',
  Rightarrow: 'to',
  lor: 'or',
  land: 'and',
};

const TEXT_COMMAND =
  /^\\(?:text|textbf|textit|textrm|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|operatorname\*?|rm)\s*\{/;

/** The border of a matrix. An array has letters for its columns. */
const ENVIRONMENT = /^\\(begin|end)\s*\{([A-Za-z]+)\*?\}(?:\s*\{[clr| ]*\})?/;
const MATRICES = new Set(['matrix', 'pmatrix', 'bmatrix', 'Bmatrix', 'vmatrix', 'smallmatrix', 'array']);

/**
 * Splits an answer into tokens. Spacing, sizes and dollar signs are dropped, Unicode signs become LaTeX commands.
 *
 * @throws {UnreadableMath} if the text is longer than `MAX_LENGTH`, or has a character that is not mathematics
 */
export function tokensOf(text: string): readonly Token[] {
  if (text.length > MAX_LENGTH) throw new UnreadableMath(`it is longer than ${MAX_LENGTH} characters`);
  const source = toLatex(text);
  const tokens: Token[] = [];
  let spaced = false;
  let at = 0;
  const push = (type: Token['type'], value: string, length: number) => {
    tokens.push({ type, value, spaced });
    spaced = false;
    at += length;
  };
  while (at < source.length) {
    const rest = source.slice(at);
    const number = /^(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+(?![.\w]))?/.exec(rest)?.[0];
    const words = TEXT_COMMAND.exec(rest)?.[0];
    const environment = ENVIRONMENT.exec(rest);
    if (/^(?:\s|~|\\[,;:!\s>]|\\\$|\$|\\[()[\]](?![\d.]*\s*pt))/.test(rest) && !rest.startsWith('\\\\')) {
      const skipped = /^(?:\s|~|\\[,;:!\s>]|\\\$|\$|\\[()[\]])/.exec(rest)?.[0] ?? ' ';
      spaced = true;
      at += skipped.length;
    } else if (number !== undefined) {
      push('number', number, number.length);
    } else if (environment !== null) {
      const [whole, border = '', name = ''] = environment;
      if (!MATRICES.has(name)) throw new UnreadableMath(`the environment ${name} is not known here`);
      push('command', border, whole.length);
    } else if (words !== undefined) {
      const close = rest.indexOf('}');
      if (close < 0) throw new UnreadableMath('a brace is not closed');
      const content = rest.slice(words.length, close).trim();
      if (content === '') at += close + 1;
      else if (/^[A-Za-z]$/.test(content)) push('letter', content, close + 1);
      else if (!/[A-Za-z\\{]/.test(content)) {
        // Numbers and tuples in roman type.
        tokens.push(...tokensOf(content));
        at += close + 1;
      } else push('text', content, close + 1);
    } else if (rest.startsWith('\\')) {
      const name = /^\\(?:[A-Za-z]+|.)/s.exec(rest)?.[0].slice(1);
      if (name === undefined) throw new UnreadableMath('it ends in a backslash');
      if (IGNORED.has(name)) {
        at += name.length + 1;
        // An empty delimiter, as in `\left.`.
        if ((name === 'left' || name === 'right') && source[at] === '.') at++;
      } else {
        push('command', (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined) ?? name, name.length + 1);
      }
    } else {
      const word = /^[A-Za-z]{2,}/.exec(rest)?.[0];
      if (word !== undefined) push('word', word, word.length);
      else if (/^[A-Za-z]/.test(rest)) push('letter', rest.charAt(0), 1);
      else if (/^\*\*/.test(rest)) push('symbol', '^', 2);
      else if (/^(?:<=|>=|!=)/.test(rest))
        push('command', rest.startsWith('<') ? 'le' : rest.startsWith('>') ? 'ge' : 'ne', 2);
      else if (/^[-+*/^_=<>()[\]{}|,;:!%'&]/.test(rest)) push('symbol', rest.charAt(0), 1);
      else throw new UnreadableMath(`${JSON.stringify(rest.slice(0, 1))} is not mathematics`);
    }
  }
  return tokens;
}

function toLatex(text: string): string {
  return (
    text
      .replaceAll(/√\s*(\d+(?:\.\d+)?|[A-Za-z])/g, '\\sqrt{$1}')
      .replaceAll('\\text{,}', '{,}')
      .replaceAll(/[−–×·⋅∗÷⁄πθαβλ∞√±∓≤≥≠≈∪∩∈∅°′，]/g, (sign) => UNICODE[sign] ?? sign)
      .replaceAll(/[½⅓⅔¼¾⅕⅛⅜]/g, (sign) => ` ${VULGAR[sign as keyof typeof VULGAR]} `)
      .replaceAll(/[⁰¹²³⁴⁵⁶⁷⁸⁹]+/g, (signs) => `^{${[...signs].map((sign) => SUPERSCRIPTS.indexOf(sign)).join('')}}`)
      .replaceAll(/(\d{0,30})\.(\d{0,30})\\overline\{(\d{1,30})\}/g, (_, whole, fixed, repeated) =>
        repeating(whole, fixed, repeated),
      )
      .replaceAll(/\{([^{}]*)\\choose(?![A-Za-z])([^{}]*)\}/g, '\\binom{$1}{$2}')
      // A comma in braces, or a thin space between digits, separates thousands; in braces before other digits it is a decimal comma.
      .replaceAll(/(\d)\{,\}(?=\d{3}(?!\d))/g, '$1')
      .replaceAll(/(\d)\{,\}(?=\d)/g, '$1.')
      .replaceAll(/(?<![\d.])\d{1,3}(?:(?:\\[,!;: ]|[  ’'])\d{3})+(?![\d])/g, (number) => number.replaceAll(/\D/g, ''))
      .replaceAll('\\\\[', '\\\\ [')
      .replaceAll(/[“”"`]/g, ' ')
  );
}

/** A repeating decimal as a fraction: `0.1\\overline{6}` is 16 − 1 over 90. */
function repeating(whole: string, fixed: string, repeated: string): string {
  const over = BigInt(whole + fixed + repeated) - BigInt(`0${whole}${fixed}`);
  return `{\\frac{${over}}{${'9'.repeat(repeated.length)}${'0'.repeat(fixed.length)}}}`;
}
