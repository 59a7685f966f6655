import { defineConfig } from 'vitest/config';

// Two cores are the smallest machine that the suite is meant for: files run side by side, each in a process of its own.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'lambda/**/*.test.ts', 'lib/**/*.test.ts', 'local/**/*.test.ts'],
    setupFiles: ['test/aws-models/watch-clients.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The default of a second is too short for a page in a browser on a busy machine.
    expect: { poll: { timeout: 10_000 } },
    maxWorkers: 2,
  },
});
