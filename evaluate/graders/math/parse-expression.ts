import { algebra } from './algebra.ts';
import type { Expression } from './answer.ts';
import { type Token, UnreadableMath } from './tokens.ts';

/** Deepest nesting that is read. A deeper answer is no final answer, and the limit bounds the stack. */
const MAX_DEPTH = 50;

const FUNCTIONS = new Set(
  'sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp sqrt cbrt abs floor ceil gcd lcm max min'.split(
    ' ',
  ),
);
const CONSTANTS = new Set(['pi', 'infty', 'e', 'i']);
/** Greek letters and others that stand for a variable. */
const VARIABLES = new Set(
  'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau phi chi psi omega ell Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega hbar'.split(
    ' ',
  ),
);
const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

export function call(name: string, ...args: readonly Expression[]): Expression {
  return { kind: 'call', name, args };
}

export function literal(text: string): Expression {
  const [mantissa = '', exponent] = text.split(/e/i);
  const shift = Number(exponent ?? 0);
  if (Math.abs(shift) > 300) throw new UnreadableMath(`the exponent of ${text} is too large`);
  const math = algebra();
  const value = math.fraction(mantissa.startsWith('.') ? `0${mantissa}` : mantissa);
  const decimals = Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - shift);
  const factor = math.fraction(String(10n ** BigInt(Math.abs(shift))));
  return {
    kind: 'number',
    value: (shift > 0 ? math.multiply(value, factor) : math.divide(value, factor)) as typeof value,
    decimals,
  };
}

/** Reads expressions from tokens, left to right. */
export class ExpressionParser {
  readonly tokens: Token[];
  at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = [...tokens];
  }

  get next(): Token | undefined {
    return this.tokens[this.at];
  }

  is(...values: readonly string[]): boolean {
    const { next } = this;
    return next !== undefined && (next.type === 'symbol' || next.type === 'command') && values.includes(next.value);
  }

  take(...values: readonly string[]): boolean {
    if (!this.is(...values)) return false;
    this.at++;
    return true;
  }

  expect(value: string): void {
    if (!this.take(value)) throw new UnreadableMath(`${JSON.stringify(value)} is missing`);
  }

  sum(): Expression {
    if (++this.#depth > MAX_DEPTH) throw new UnreadableMath(`it is nested more than ${MAX_DEPTH} deep`);
    let left = this.#signed();
    for (;;) {
      if (this.take('+')) left = call('add', left, this.#signed());
      else if (this.take('-')) left = call('subtract', left, this.#signed());
      else if (this.is('pm', 'mp')) left = call(this.#skip(), left, this.#signed());
      else break;
    }
    this.#depth--;
    return left;
  }

  #signed(): Expression {
    const negative = this.#isNegative();
    if (this.is('pm', 'mp')) return call(this.#skip(), literal('0'), this.#product());
    const product = this.#product();
    return negative ? call('negate', product) : product;
  }

  /** Reads signs. A run of them is one loop, so that its length costs no stack. */
  #isNegative(): boolean {
    let negative = false;
    while (this.is('+', '-')) if (this.#skip() === '-') negative = !negative;
    return negative;
  }

  #skip(): string {
    return this.tokens[this.at++]?.value ?? '';
  }

  #product(): Expression {
    let left = this.#power();
    for (;;) {
      if (this.take('times', 'cdot', '*')) left = call('multiply', left, this.#factor());
      else if (this.take('/', 'div')) left = call('divide', left, this.#factor());
      else if (this.#startsFactor()) left = this.#adjacent(left);
      else return left;
    }
  }

  /** A factor after a sign of multiplication may be signed: `3 \times -2`. */
  #factor(): Expression {
    const negative = this.#isNegative();
    const factor = this.#power();
    return negative ? call('negate', factor) : factor;
  }

  /** What stands beside a factor multiplies it, except for the fraction of a mixed number: `2\frac12`, `1 3/4`. */
  #adjacent(left: Expression): Expression {
    const [before, here, slash, under] = [
      this.tokens[this.at - 1],
      this.next,
      this.tokens[this.at + 1],
      this.tokens[this.at + 2],
    ];
    const whole = left.kind === 'number' && left.decimals === 0 && before?.type === 'number';
    if (whole && here?.type === 'number') {
      if (here.spaced && slash?.value === '/' && under?.type === 'number') {
        this.at += 3;
        return call('add', left, call('divide', literal(here.value), literal(under.value)));
      }
      throw new UnreadableMath('two numbers stand side by side');
    }
    const mixed = whole && here?.type === 'command' && here.value === 'frac';
    const right = this.#power();
    const [over, below] = right.kind === 'call' && right.name === 'divide' ? right.args : [];
    if (mixed && over?.kind === 'number' && below?.kind === 'number') return call('add', left, right);
    return call('multiply', left, right);
  }

  #startsFactor(): boolean {
    const { next } = this;
    if (next === undefined) return false;
    if (next.type === 'number' || next.type === 'letter') return true;
    if (next.type === 'word') return true;
    if (next.type === 'command')
      return (
        FUNCTIONS.has(next.value) ||
        CONSTANTS.has(next.value) ||
        VARIABLES.has(next.value) ||
        ['frac', 'binom', 'lfloor', 'lceil'].includes(next.value)
      );
    return next.value === '(' || next.value === '[' || next.value === '{';
  }

  #power(): Expression {
    let base = this.#atom();
    for (;;) {
      if (this.take('!')) {
        if (this.is('!')) throw new UnreadableMath('it has factorials of factorials');
        base = call('factorial', base);
      } else if (this.is('^') && this.#degrees())
        base = call('multiply', base, call('divide', { kind: 'symbol', name: 'pi' }, literal('180')));
      else if (this.take('degree'))
        base = call('multiply', base, call('divide', { kind: 'symbol', name: 'pi' }, literal('180')));
      else if (this.take('^')) base = call('pow', base, this.#script());
      else return base;
    }
  }

  /** Reads `^\circ` or `^{\circ}`. */
  #degrees(): boolean {
    const values = this.tokens.slice(this.at + 1, this.at + 4).map(({ value }) => value);
    const length = values[0] === 'degree' ? 2 : values.join(' ') === '{ degree }' ? 4 : 0;
    this.at += length;
    return length > 0;
  }

  /** An exponent, or an argument without braces, which is one digit: `2^10` is 2 to the 10th for people, `\frac12` is a half. */
  #script(): Expression {
    if (this.is('{')) return this.#group();
    if (this.take('-')) return call('negate', this.#script1());
    this.take('+');
    return this.#script1();
  }

  #script1(): Expression {
    const base = this.#atom();
    return this.take('^')
      ? call(
          'pow',
          base,
          this.#nested(() => this.#script()),
        )
      : base;
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new UnreadableMath(`it is nested more than ${MAX_DEPTH} deep`);
    const found = read();
    this.#depth--;
    return found;
  }

  #group(): Expression {
    const close = CLOSING[this.next?.value ?? ''] ?? '';
    this.at++;
    const inner = this.sum();
    this.expect(close);
    return inner;
  }

  /** An argument of `\frac` or `\sqrt`: a group, a command, or one digit or letter. */
  #argument(): Expression {
    if (this.is('{')) return this.#group();
    const { next } = this;
    if (next?.type === 'number' && /^\d+$/.test(next.value)) {
      const [digit = '', rest] = [next.value.charAt(0), next.value.slice(1)];
      if (rest === '') this.at++;
      else this.tokens[this.at] = { ...next, value: rest, spaced: false };
      return literal(digit);
    }
    return this.#nested(() => this.#atom());
  }

  #atom(): Expression {
    const { next } = this;
    if (next === undefined) throw new UnreadableMath('something is missing at its end');
    if (next.type === 'number') {
      this.at++;
      return literal(next.value);
    }
    if (next.type === 'letter') {
      this.at++;
      return this.#symbol(next.value);
    }
    if (next.type === 'word') return this.#word(next.value);
    if (next.type === 'symbol' && next.value in CLOSING) return this.#group();
    if (next.type === 'symbol' && next.value === '|') return this.#absolute('|');
    if (next.type === 'command') return this.#command(next.value);
    throw new UnreadableMath(`${JSON.stringify(next.value)} stands where a number or a variable belongs`);
  }

  #symbol(name: string): Expression {
    if (!this.take('_')) return { kind: 'symbol', name };
    const from = this.at;
    if (this.is('{')) {
      while (this.next !== undefined && !this.is('}')) this.at++;
      this.expect('}');
    } else {
      this.at++;
    }
    const index = this.tokens.slice(from, this.at).map(({ value }) => value);
    return { kind: 'symbol', name: `${name}_${index.join('').replaceAll(/[{}]/g, '')}` };
  }

  /** Letters side by side: the name of a function or a constant, or a product of variables. */
  #word(word: string): Expression {
    if (FUNCTIONS.has(word)) return this.#function(word);
    if (CONSTANTS.has(word) || VARIABLES.has(word)) {
      this.at++;
      return this.#symbol(word);
    }
    if (word === 'inf' || word === 'infinity') {
      this.at++;
      return { kind: 'symbol', name: 'infty' };
    }
    if (word.length > 3) throw new UnreadableMath(`${JSON.stringify(word)} is a word`);
    this.at++;
    const last = this.#symbol(word.slice(-1));
    return [...word.slice(0, -1)]
      .map((name): Expression => ({ kind: 'symbol', name }))
      .reduceRight(
        (right, left) => call('multiply', left, right),
        this.take('^') ? call('pow', last, this.#script()) : last,
      );
  }

  #command(name: string): Expression {
    if (FUNCTIONS.has(name)) return this.#function(name);
    if (CONSTANTS.has(name) || VARIABLES.has(name)) {
      this.at++;
      return this.#symbol(name);
    }
    this.at++;
    switch (name) {
      case 'frac':
        return call('divide', this.#argument(), this.#argument());
      case 'binom':
        return call('binomial', this.#argument(), this.#argument());
      case 'vert':
        this.at--;
        return this.#absolute('vert');
      case 'lfloor':
        return call('floor', this.#until('rfloor'));
      case 'lceil':
        return call('ceil', this.#until('rceil'));
      default:
        throw new UnreadableMath(`\\${name} is not known here`);
    }
  }

  #until(close: string): Expression {
    const inner = this.sum();
    this.expect(close);
    return inner;
  }

  #absolute(bar: string): Expression {
    this.at++;
    return call('abs', this.#until(bar));
  }

  #function(name: string): Expression {
    this.at++;
    if (name === 'sqrt') return this.#root();
    if (name === 'log' && this.take('_')) {
      const base = this.is('{') ? this.#group() : this.#argument();
      return call('divide', call('ln', this.#operand()), call('ln', base));
    }
    if (name === 'log' || name === 'lg') return call('log10', this.#operand());
    if (!this.take('^'))
      return name === 'exp'
        ? call('pow', { kind: 'symbol', name: 'e' }, this.#operand())
        : call(name, ...this.#operands());
    const power = this.#script();
    const inverse = power.kind === 'call' && power.name === 'negate' && ['sin', 'cos', 'tan'].includes(name);
    return inverse ? call(`arc${name}`, this.#operand()) : call('pow', call(name, this.#operand()), power);
  }

  #root(): Expression {
    if (!this.is('[')) return call('sqrt', this.#argument());
    const degree = this.#group();
    return call('root', this.#argument(), degree);
  }

  /** Arguments in parentheses, or one operand: `\sin 2x` is the sine of 2x. */
  #operands(): readonly Expression[] {
    if (!this.is('(')) return [this.#operand()];
    this.at++;
    const args = [this.sum()];
    while (this.take(',')) args.push(this.sum());
    this.expect(')');
    return args;
  }

  #operand(): Expression {
    if (this.is('(', '{', '[')) return this.#group();
    return this.#nested(() => {
      let operand = this.#power();
      while (this.next?.type === 'letter' || this.is('pi', 'theta', 'alpha'))
        operand = call('multiply', operand, this.#power());
      return operand;
    });
  }
}
