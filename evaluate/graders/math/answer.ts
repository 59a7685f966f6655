import type { Exact } from './algebra.ts';

/** An expression: numbers, symbols, and operations on them. */
export type Expression =
  /** `decimals`: digits after the point, as written. */
  | { readonly kind: 'number'; readonly value: Exact; readonly decimals: number }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

/** The answer to a question. */
export type MathAnswer =
  | {
      readonly kind: 'scalar';
      readonly expression: Expression;
      /** The variable that it is the value of, as in `y = 2x`. */
      readonly name?: string;
      readonly unit?: string | undefined;
      readonly percent?: boolean;
      /** Base of a numeral, as in `2516_8`. */
      readonly base?: string;
    }
  /** A tuple or an interval. */
  | { readonly kind: 'ordered'; readonly open: string; readonly close: string; readonly items: readonly MathAnswer[] }
  /** A set, or several answers in a row. */
  | { readonly kind: 'unordered'; readonly braces: boolean; readonly items: readonly MathAnswer[] }
  | { readonly kind: 'union'; readonly items: readonly MathAnswer[] }
  | { readonly kind: 'matrix'; readonly rows: readonly (readonly Expression[])[] }
  /** A chain of relations, as in `1 \le x < 3`. */
  | { readonly kind: 'relation'; readonly operators: readonly string[]; readonly sides: readonly Expression[] }
  | { readonly kind: 'text'; readonly text: string };
