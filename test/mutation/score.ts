import * as z from 'zod';
import type { Equivalent } from './equivalents.ts';
import { isSampled, type Sample } from './sample.ts';

const place = z.object({ line: z.int(), column: z.int() });

/** Stryker's report. Source: https://github.com/stryker-mutator/mutation-testing-elements/tree/master/packages/report-schema */
export const reportSchema = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.string(),
      mutants: z.array(
        z.object({
          mutatorName: z.string(),
          replacement: z.string().default(''),
          status: z.enum([
            'Killed',
            'Timeout',
            'Survived',
            'NoCoverage',
            'RuntimeError',
            'CompileError',
            'Ignored',
            'Pending',
          ]),
          location: z.object({ start: place, end: place }),
        }),
      ),
    }),
  ),
});
export type Report = z.output<typeof reportSchema>;

/** A mutant that no test noticed. */
export interface Survivor {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly code: string;
  readonly mutated: string;
  /** Whether any test runs the code. */
  readonly covered: boolean;
}

export interface Score {
  /** Mutants that a test noticed, or that ran into the time-out. */
  readonly noticed: number;
  /** All mutants that count: noticed ones and survivors. */
  readonly mutants: number;
  readonly survivors: readonly Survivor[];
  /** Number of survivors that are listed as equivalent. */
  readonly equivalent: number;
  /** Entries for the files of the report that match no survivor. */
  readonly stale: readonly Equivalent[];
}

/** Counts the mutants of a report that are in the sample, without the equivalent ones. */
export function scoreOf(report: Report, equivalents: readonly Equivalent[], sample: Sample = everyMutant): Score {
  const files = sampledOf(report.files, sample);
  const found = Object.entries(files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split('\n');
    return mutants.flatMap((mutant) => {
      if (mutant.status !== 'Survived' && mutant.status !== 'NoCoverage') return [];
      const { start, end } = mutant.location;
      const first = lines[start.line - 1] ?? '';
      const last = lines[end.line - 1] ?? '';
      const changed = `${first.slice(0, start.column - 1)}${mutant.replacement}${last.slice(end.column - 1)}`;
      const mutated = changed.split('\n')[0]?.trim() ?? '';
      return [{ file, line: start.line, code: first.trim(), mutated, covered: mutant.status === 'Survived' }];
    });
  });
  const isSame = (entry: Equivalent, { file, code, mutated }: Survivor) =>
    entry.file === file && entry.code === code && entry.mutated === mutated;
  const survivors = found.filter((survivor) => !equivalents.some((entry) => isSame(entry, survivor)));
  const noticed = Object.values(files)
    .flatMap(({ mutants }) => mutants)
    .filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
  return {
    noticed,
    mutants: noticed + survivors.length,
    survivors,
    equivalent: found.length - survivors.length,
    // A sample lacks mutants.
    stale: equivalents.filter(
      (entry) =>
        sample.percent === 100 &&
        Object.hasOwn(files, entry.file) &&
        !found.some((survivor) => isSame(entry, survivor)),
    ),
  };
}

const everyMutant: Sample = { percent: 100, seed: 1 };

/** A mutant that no test runs is in the report even if it is not in the sample. */
function sampledOf(files: Report['files'], sample: Sample): Report['files'] {
  const entries = Object.entries(files).map(([file, { source, mutants }]) => {
    const sampled = mutants.filter(({ mutatorName, replacement, location: { start } }) =>
      isSampled({ file, line: start.line, column: start.column, mutatorName, replacement }, sample),
    );
    return [file, { source, mutants: sampled }] as const;
  });
  return Object.fromEntries(entries);
}

/** The share of noticed mutants, in percent. 100 if there is none. */
export function percentOf({ noticed, mutants }: Pick<Score, 'noticed' | 'mutants'>): number {
  return mutants === 0 ? 100 : (100 * noticed) / mutants;
}
