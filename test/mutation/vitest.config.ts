import { defineConfig } from 'vitest/config';

/** Tests of one room, whose globs the check passes on. */
export default defineConfig({
  test: {
    include: (process.env['MUTATION_TESTS'] ?? '').split(',').map((glob) => glob.replace(/\*\*$/, '**/*.test.ts')),
    // A survivor runs all tests of the room: fewer cases of each property make the score a lower bound.
    env: { PROPERTY_RUNS_SHARE: '0.02' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
  },
});
