import { defineConfig } from 'vitest/config';

/** Tests of one room, whose globs the check passes on. */
export default defineConfig({
  test: {
    include: (process.env['MUTATION_TESTS'] ?? '').split(',').map((glob) => glob.replace(/\*\*$/, '**/*.test.ts')),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
