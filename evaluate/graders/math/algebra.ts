import { createRequire } from 'node:module';
import type { Complex, Fraction, MathJsInstance } from 'mathjs';

/** A rational number of any size. */
export type Exact = Fraction;
/** A rational number if the value is one and is small enough, else floating-point numbers. */
export type Value = Fraction | Complex;

let loaded: MathJsInstance | undefined;

/**
 * The library (mathjs). Its bundle loads in a tenth of the time of its modules, and only if a question needs it.
 *
 * @throws {Error} if mathjs is not installed; the package does not depend on it
 */
export function algebra(): MathJsInstance {
  if (loaded !== undefined) return loaded;
  try {
    loaded = createRequire(import.meta.url)('mathjs/lib/browser/math.js') as MathJsInstance;
  } catch (cause) {
    throw new Error('The math grader needs the package mathjs. Install it: npm install mathjs@15', { cause });
  }
  return loaded;
}
