import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TextGate } from '../../lambda/forcing/text-gate.ts';
import { extractAnswer, extractNumber } from '../../lambda/generation/extract-answer.ts';
import { majorityVote } from '../../lambda/generation/majority.ts';
import { controlStringCutter } from '../../lambda/tokenizer/cut-control-strings.ts';

/** Regular expressions that would be slow on a long text, with the reason why they never see one. */
const reviewed: Readonly<Record<string, string>> = {
  'lambda/upstream/errors.ts /[\\s:]+$/': 'a sentence of the code around the server’s text, which was removed',
  'lambda/upstream/completions-model.ts /\\/+$/': 'the base URL in the settings',
  'evaluate/against/dialects.ts /\\/+$/': 'the URL on the command line',
  'evaluate/graders/math.ts /\\$+([^$]+)\\$+|\\\\\\(([^()]*)\\\\\\)/g': 'a line of at most 2,000 characters',
  'cli/distill/quality.ts /([\\s\\S]{8,200}?)\\1{5}$/': 'the last 2,000 characters of a thought',
  'evaluate/graders/math/units.ts /\\s*([/^*-])\\s*/g': 'a part of a line of at most 2,000 characters',
  'local/published-template.ts /\\/+$/': 'the URL on the command line',
  'cli/api-client.ts /\\/+$/': 'the URL on the command line',
  'simulate/calibrate.ts /\\/+$/': 'the URL on the command line',
  'lib/endpoint/component-names.ts /-+$/': 'a name in the config',
  'local/start-local.ts /\\/+$/': 'the URL on the command line',
  'local/local-fallbacks.ts /\\/+$/': 'the URL on the command line',
  'local/engine/number-grammar.ts /\\.?0+$/': 'a number with 20 decimals',
  'local/endpoint/incremental-text.ts /\\uFFFD+$/': 'the text of at most four tokens',
  'lambda/forcing/output-text.ts /(\\n|[\\p{L})\\]"\'*_$}]{2}[.!?…]["\')\\]*]*|[。！？])[ ]?$/u':
    'the last eight characters',
};

const LENGTH = 12_000;
/** Growth of the time for a text that is eight times longer, from which a pattern counts as slow. Linear: 8. Quadratic: 64. */
const MAX_GROWTH = 24;
/** Times below these are noise of the clock, in milliseconds. */
const MIN_MS = { long: 1, short: 0.02 };

/** A literal in a line of code: after an operator or an opening bracket, so that it is no division. */
const LITERAL =
  /(?:^\s*|[(=,:?!|&[{}]\s*|=>\s*|return\s+)(\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[dgimsuvy]*)(?=[\s.,;)\]]|$)/g;

interface Literal {
  readonly place: string;
  readonly pattern: RegExp;
}

function literals(): readonly Literal[] {
  const folders = ['lambda', 'local', 'cli', 'evaluate', 'lib', 'plan', 'simulate'];
  const paths = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  );
  return paths
    .filter((path) => path.endsWith('.ts') && !path.endsWith('-page.ts') && !path.endsWith('.d.ts'))
    .flatMap((path) =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(?:\*|\/\/|\/\*\*)/.test(line))
        .flatMap((line) => [...line.matchAll(LITERAL)])
        // A division in a template.
        .filter(([, text = '']) => !text.includes('${'))
        .flatMap(([, text = '']) => {
          const end = text.lastIndexOf('/');
          return { place: `${path} ${text}`, pattern: new RegExp(text.slice(1, end), text.slice(end + 1)) };
        }),
    );
}

/** Texts that repeat what a pattern repeats, and then fail: single characters, the words of the pattern, and words before characters. */
function attacks({ source }: RegExp, length: number): readonly string[] {
  const characters = [
    ' ',
    '\n',
    '\t',
    'a',
    'A',
    '0',
    '9',
    '.',
    '*',
    '/',
    '-',
    '_',
    ':',
    '"',
    '{',
    '}',
    '<',
    '$',
    '\uFFFD',
  ];
  const plain = source.replaceAll(/\\([^\w])/g, '$1');
  const words = [...new Set(plain.match(/[\w<>|{}\\/:"-]{2,}/g) ?? [])].slice(0, 8);
  const repeated = [...characters, ...words, ...words.map((word) => `${word} `)];
  const ends = ['', '\u0000', '!x'];
  return [
    ...repeated.flatMap((unit) => ends.map((end) => unit.repeat(Math.ceil(length / unit.length)) + end)),
    ...words.flatMap((word) => [' ', '0', 'a', '/'].map((unit) => `${word + unit.repeat(length)}\u0000`)),
  ];
}

function msOf(work: () => unknown): number {
  const times = Array.from({ length: 3 }, () => {
    const since = performance.now();
    work();
    return performance.now() - since;
  });
  return Math.min(...times);
}

const isSlow = ({ pattern }: Literal) => {
  const short = attacks(pattern, LENGTH / 8);
  return attacks(pattern, LENGTH).some((text, index) => {
    const long = msOf(() => text.replace(pattern, ''));
    if (long < MIN_MS.long) return false;
    return (
      long /
        Math.max(
          MIN_MS.short,
          msOf(() => short[index]?.replace(pattern, '')),
        ) >
      MAX_GROWTH
    );
  });
};

describe('Regular expressions', () => {
  it('the probe finds quadratic patterns', () => {
    for (const pattern of [/^\*+|[*.\s]+$/g, /\n+$/, /\\text\{[^}]*\}/g, /(a+)+b/]) {
      expect(isSlow({ place: '', pattern: pattern.source === '(a+)+b' ? /a+b/ : pattern }), pattern.source).toBe(true);
    }
  });

  it('each pattern of the product is linear, or is reviewed because it never sees a long text', () => {
    const all = literals();
    expect(all.length).toBeGreaterThan(80);
    const slow = all.filter(isSlow).map(({ place }) => place);
    expect(slow.filter((place) => !Object.hasOwn(reviewed, place))).toEqual([]);
  }, 120_000);

  it('each reviewed pattern still exists', () => {
    const places = new Set(literals().map(({ place }) => place));
    expect(Object.keys(reviewed).filter((place) => !places.has(place))).toEqual([]);
  });
});

/** How many times longer the work takes for a text that is eight times longer. Linear: 8. Quadratic: 64. */
function growth(work: (length: number) => () => unknown, length: number): number {
  let least = Number.POSITIVE_INFINITY;
  // Another process may slow one measurement down, but not all of them.
  for (let attempt = 0; attempt < 3 && least > 20; attempt++) least = Math.min(least, growthOnce(work, length));
  return least;
}

function growthOnce(work: (length: number) => () => unknown, length: number): number {
  const ms = (size: number) => {
    const run = work(size);
    run();
    const times = Array.from({ length: 3 }, () => {
      const since = performance.now();
      run();
      return performance.now() - since;
    });
    return Math.min(...times);
  };
  return ms(length * 8) / Math.max(0.5, ms(length));
}

describe('Work on foreign text grows with its length', () => {
  const texts: readonly (readonly [string, (length: number) => string])[] = [
    ['points and spaces', (length) => `${'. '.repeat(length / 2)}x`],
    ['stars', (length) => `x${'*'.repeat(length)}y`],
    ['units that never close', (length) => '\\text{'.repeat(length / 6)],
    ['markers', (length) => `answer${' '.repeat(length)}x`],
    ['answers', (length) => 'answer '.repeat(length / 7)],
    ['digits', (length) => '1'.repeat(length)],
    ['fractions', (length) => `1${' '.repeat(length)}/`],
    ['boxes', (length) => '\\boxed{'.repeat(length / 7)],
  ];
  it.each(texts)('in a vote over %s', (_, text) => {
    expect(
      growth((length) => {
        const long = text(length);
        return () => majorityVote([{ index: 0, text: long }]);
      }, 20_000),
    ).toBeLessThan(30);
    expect(
      growth((length) => {
        const long = text(length);
        return () => extractNumber(long);
      }, 20_000),
    ).toBeLessThan(30);
  });

  const gates = { endTexts: ['<|im_end|>'], stopTexts: [], trimEnd: true };
  it.each<[string, string, string]>([
    ['newlines', '\n', ''],
    ['newlines before half a delimiter', '\n', '<|im_'],
    ['halves of a delimiter', '<|im_', ''],
  ])('in a gate that holds %s', (_, unit, last) => {
    const ratio = growth(
      (length) => () => {
        const gate = new TextGate({ ...gates, continues: true });
        gate.push('x');
        for (let at = 0; at < length; at++) gate.push(unit);
        gate.push(last);
        return gate.end();
      },
      20_000,
    );
    expect(ratio).toBeLessThan(30);
  });

  it('in the cut of control strings', () => {
    const cut = controlStringCutter(['<|im_start|>'], /<[|｜][^|｜<>]{1,64}[|｜]>/u);
    const ratio = growth((length) => {
      const text = '<|im<|im_start|>_start|>'.repeat(length / 24);
      return () => cut(text);
    }, 24_000);
    expect(ratio).toBeLessThan(30);
  });
});

describe('extractAnswer', () => {
  it.each([
    ['**Four.**', 'Four'],
    ['The answer is **4**.', '4'],
    ['* 7 . . .', '7'],
    ['...', ''],
    ['\\boxed{\\frac{1}{2}}', '\\frac{1}{2}'],
  ])('%j gives %j', (text, answer) => {
    expect(extractAnswer(text)).toBe(answer);
  });

  it.each([
    ['3\\text{ apples}', 3],
    ['\\text{about } 4 \\mathrm{kg}', 4],
    ['5 \\text{never closes', 5],
    ['\\frac{3}{4}\\,\\text{m}', 0.75],
  ])('extractNumber reads %j as %d', (text, number) => {
    expect(extractNumber(text)).toBe(number);
  });
});

describe('TextGate', () => {
  it('gives the same text however it is cut, with runs of newlines in it', () => {
    const text = `a\n\n\n\n${'\n'.repeat(40)}b<|im_\n<|im${'\n'.repeat(30)}c\n\n<|im_end|>`;
    const shownBy = (size: number) => {
      const gate = new TextGate({ endTexts: ['<|im_end|>'], stopTexts: [], trimEnd: true });
      let shown = '';
      for (let from = 0; from < text.length; from += size) shown += gate.push(text.slice(from, from + size));
      return shown + gate.end('<|im_end|>');
    };
    const whole = text.replace('\n\n<|im_end|>', '');
    for (const size of [1, 2, 3, 7, 1_000]) expect(shownBy(size)).toBe(whole);
  });
});
