import type { Complex, Fraction } from 'mathjs';
import { algebra, type Value } from './algebra.ts';
import type { Expression } from './answer.ts';

/** Largest rational number that is computed exactly, in bits. A larger one is computed in floating point. */
const MAX_BITS = 4_000;

/** Values of the variables. */
export type Point = ReadonlyMap<string, Fraction>;

/** Computes an expression. Its time is bounded: each operation is on bounded numbers. `undefined` if it has no finite value. */
export function evaluateExpression(expression: Expression, point: Point): Value | undefined {
  switch (expression.kind) {
    case 'number':
      return expression.value;
    case 'symbol':
      return constant(expression.name) ?? point.get(expression.name);
    case 'call': {
      const args: Value[] = [];
      for (const arg of expression.args) {
        const value = evaluateExpression(arg, point);
        if (value === undefined) return undefined;
        args.push(value);
      }
      return finite(apply(expression.name, args));
    }
    default:
      return expression satisfies never;
  }
}

/** The names of the variables of an expression. */
export function variablesOf(expression: Expression, names: Set<string> = new Set()): Set<string> {
  if (expression.kind === 'symbol' && constant(expression.name) === undefined && expression.name !== 'infty')
    names.add(expression.name);
  if (expression.kind === 'call') for (const arg of expression.args) variablesOf(arg, names);
  return names;
}

export function isExact(value: Value): value is Fraction {
  return 'd' in value;
}

export function toComplex(value: Value): Complex {
  return isExact(value) ? algebra().complex(value.valueOf(), 0) : value;
}

function constant(name: string): Complex | undefined {
  const { complex } = algebra();
  return name === 'pi'
    ? complex(Math.PI, 0)
    : name === 'e'
      ? complex(Math.E, 0)
      : name === 'i'
        ? complex(0, 1)
        : undefined;
}

const EXACT = new Set(['add', 'subtract', 'multiply', 'divide', 'negate', 'abs', 'floor', 'ceil', 'max', 'min']);

function apply(name: string, args: readonly Value[]): Value | undefined {
  const [a, b] = args;
  if (a === undefined) return undefined;
  const math = algebra();
  if (args.every(isExact)) {
    const exact = exactly(name, args);
    if (exact !== 'inexact') return exact;
  }
  const x = toComplex(a);
  const y = b === undefined ? undefined : toComplex(b);
  switch (name) {
    case 'add':
      return y && math.complex(x.re + y.re, x.im + y.im);
    case 'subtract':
      return y && math.complex(x.re - y.re, x.im - y.im);
    case 'negate':
      return math.complex(-x.re, -x.im);
    case 'multiply':
      return y && (math.multiply(x, y) as Complex);
    case 'divide':
      return y && (y.re === 0 && y.im === 0 ? undefined : (math.divide(x, y) as Complex));
    case 'pow':
      return y && power(x, y);
    case 'root':
      return y && root(x, y);
    case 'sqrt':
      return math.complex(math.sqrt(x) as unknown as Complex);
    case 'cbrt':
      return root(x, math.complex(3, 0));
    case 'abs':
      return math.complex(Math.hypot(x.re, x.im), 0);
    case 'ln':
      return math.log(x) as unknown as Complex;
    case 'log10':
      return math.divide(math.log(x) as unknown as Complex, Math.LN10) as Complex;
    case 'factorial':
    case 'binomial':
    case 'gcd':
    case 'lcm':
      return undefined;
    case 'floor':
    case 'ceil':
    case 'max':
    case 'min':
      return real(name, args.map(toComplex));
    default:
      return trigonometric(name, x);
  }
}

function real(name: 'floor' | 'ceil' | 'max' | 'min', values: readonly Complex[]): Complex | undefined {
  if (values.some(({ im }) => Math.abs(im) > 1e-12)) return undefined;
  const numbers = values.map(({ re }) => re);
  const [first = 0] = numbers;
  const computed = {
    floor: () => Math.floor(first),
    ceil: () => Math.ceil(first),
    max: () => Math.max(...numbers),
    min: () => Math.min(...numbers),
  }[name]();
  return algebra().complex(computed, 0);
}

function trigonometric(name: string, x: Complex): Complex | undefined {
  const math = algebra();
  const functions: Readonly<Record<string, (value: Complex) => Complex>> = {
    sin: math.sin,
    cos: math.cos,
    tan: math.tan,
    cot: math.cot,
    sec: math.sec,
    csc: math.csc,
    sinh: math.sinh,
    cosh: math.cosh,
    tanh: math.tanh,
    arcsin: math.asin,
    arccos: math.acos,
    arctan: math.atan,
  };
  const compute = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return compute === undefined ? undefined : math.complex(compute(x));
}

/** The result for rational numbers, `undefined` if there is none, `'inexact'` if it is not rational or too large. */
function exactly(name: string, args: readonly Fraction[]): Fraction | undefined | 'inexact' {
  const math = algebra();
  const [a, b] = args;
  if (a === undefined) return undefined;
  if (EXACT.has(name)) {
    if (args.some((value) => bits(value) > MAX_BITS)) return 'inexact';
    if (name === 'divide' && b !== undefined && isZero(b)) return undefined;
    if (name === 'max' || name === 'min')
      return args.reduce((best, value) => (math.larger(value, best) === (name === 'max') ? value : best));
    if (name === 'negate') return math.unaryMinus(a);
    if (name === 'abs') return math.abs(a);
    if (name === 'floor') return math.floor(a);
    if (name === 'ceil') return math.ceil(a);
    if (b === undefined) return undefined;
    if (name === 'add') return math.add(a, b);
    if (name === 'subtract') return math.subtract(a, b);
    return (name === 'multiply' ? math.multiply(a, b) : math.divide(a, b)) as Fraction;
  }
  const n = b === undefined ? undefined : wholeNumber(b);
  const m = wholeNumber(a);
  switch (name) {
    case 'pow':
      if (n === undefined || bits(a) * Math.abs(n) > MAX_BITS) return 'inexact';
      return isZero(a) && n <= 0 ? undefined : (a.pow(n) ?? undefined);
    case 'sqrt':
      return exactRoot(a, 2);
    case 'cbrt':
      return exactRoot(a, 3);
    case 'root':
      return n === undefined || n < 2 || n > 64 ? 'inexact' : exactRoot(a, n);
    case 'factorial':
      return m === undefined || m < 0 || m > 1_000 ? undefined : whole(product(1, m));
    case 'binomial':
      if (m === undefined || n === undefined || m < 0 || n < 0 || m > 1_000) return undefined;
      return n > m ? whole(0n) : whole(product(m - n + 1, m) / product(1, n));
    case 'gcd':
    case 'lcm':
      if (!args.every((value) => wholeNumber(value) !== undefined)) return undefined;
      return args.reduce((found, value) => (name === 'gcd' ? found.gcd(value) : found.lcm(value)));
    default:
      return 'inexact';
  }
}

function whole(value: bigint): Fraction {
  return algebra().fraction(String(value));
}

function product(from: number, to: number): bigint {
  let value = 1n;
  for (let factor = from; factor <= to; factor++) value *= BigInt(factor);
  return value;
}

/** The value as a number, if it is a whole number below 2^53. */
function wholeNumber({ s, n, d }: Fraction): number | undefined {
  const value = Number(s) * Number(n);
  return BigInt(d) === 1n && Number.isSafeInteger(value) ? value : undefined;
}

function isZero({ n }: Fraction): boolean {
  return BigInt(n) === 0n;
}

function bits({ n, d }: Fraction): number {
  return n.toString(16).length * 4 + d.toString(16).length * 4;
}

/** A root that is rational. */
function exactRoot(value: Fraction, degree: number): Fraction | 'inexact' {
  if (Number(value.s) < 0 && degree % 2 === 0) return 'inexact';
  const [over, under] = [BigInt(value.n), BigInt(value.d)].map((part) => {
    const guess = BigInt(Math.round(Number(part) ** (1 / degree)) || 0);
    return guess ** BigInt(degree) === part ? guess : undefined;
  });
  if (over === undefined || under === undefined) return 'inexact';
  return whole(Number(value.s) < 0 ? -over : over).div(whole(under));
}

/** Roots of odd degree of negative numbers are real, as at school. */
function root(x: Complex, degree: Complex): Complex | undefined {
  const n = degree.re;
  if (degree.im !== 0 || n === 0) return undefined;
  if (x.im === 0 && x.re < 0 && Math.abs(n % 2) === 1) return algebra().complex(-((-x.re) ** (1 / n)), 0);
  return power(x, algebra().complex(1 / n, 0));
}

function power(x: Complex, y: Complex): Complex | undefined {
  const math = algebra();
  if (x.re === 0 && x.im === 0) return y.re > 0 ? math.complex(0, 0) : undefined;
  if (x.im === 0 && y.im === 0 && (x.re > 0 || Number.isInteger(y.re))) return math.complex(x.re ** y.re, 0);
  return math.complex(math.pow(x, y) as Complex);
}

function finite(value: Value | undefined): Value | undefined {
  if (value === undefined || isExact(value)) return value;
  return Number.isFinite(value.re) && Number.isFinite(value.im) ? value : undefined;
}
