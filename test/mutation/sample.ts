import { createHash } from 'node:crypto';

/** A random part of the mutants, the same in each run of the same seed. */
export interface Sample {
  /** Chance of each mutant to be in the sample, in percent: above 0, at most 100. */
  readonly percent: number;
  readonly seed: number;
}

/** What tells one mutant from another. Lines and columns count from 1. */
export interface MutantPlace {
  readonly mutatorName: string;
  readonly replacement: string;
  /** Relative to the repository. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Whether the sample has the mutant. It depends on nothing but the mutant and the seed. */
export function isSampled({ file, line, column, mutatorName, replacement }: MutantPlace, sample: Sample): boolean {
  const key = JSON.stringify([sample.seed, file, line, column, mutatorName, replacement]);
  const drawn = createHash('sha256').update(key).digest().readUInt32BE(0) / 2 ** 32;
  return drawn < sample.percent / 100;
}
