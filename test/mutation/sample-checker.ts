import { relative } from 'node:path';
import * as z from 'zod';
import { isSampled } from './sample.ts';

/** As Stryker passes it to a checker: the path is absolute, lines and columns count from 0. */
interface Mutant {
  readonly id: string;
  readonly fileName: string;
  readonly mutatorName: string;
  readonly replacement: string;
  readonly location: { readonly start: { readonly line: number; readonly column: number } };
}

/** The sample, which `check.ts` passes on in the environment of Stryker's processes. */
const sample = z
  .object({ percent: z.number(), seed: z.number() })
  .parse(JSON.parse(process.env['MUTATION_SAMPLE'] ?? '{"percent":100,"seed":0}'));

/** Excludes the mutants that are not in the sample: Stryker does not run what a checker calls a compile error. */
class SampleChecker {
  init(): Promise<void> {
    return Promise.resolve();
  }

  check(mutants: readonly Mutant[]): Promise<Record<string, { readonly status: string; readonly reason: string }>> {
    const results = mutants.map(({ id, fileName, mutatorName, replacement, location: { start } }) => {
      const file = relative(process.cwd(), fileName);
      const place = { file, line: start.line + 1, column: start.column + 1, mutatorName, replacement };
      return [
        id,
        { status: isSampled(place, sample) ? 'passed' : 'compileError', reason: 'not in the sample' },
      ] as const;
    });
    return Promise.resolve(Object.fromEntries(results));
  }

  group(mutants: readonly Mutant[]): Promise<string[][]> {
    return Promise.resolve([mutants.map(({ id }) => id)]);
  }
}

/** Stryker's plugin, see https://stryker-mutator.io/docs/stryker-js/guides/create-a-plugin/. */
export const strykerPlugins = [{ kind: 'Checker', name: 'sample', injectableClass: SampleChecker }];
