/** A room whose code is mutated, and the tests that have to notice. */
export interface Room {
  /** Globs of the mutated files. */
  readonly mutate: readonly string[];
  /** Globs of the tests. Only these run, so a room is covered by tests of its own. */
  readonly tests: readonly string[];
  /** Longest run of the whole room, in minutes, on two cores. */
  readonly budgetMinutes: number;
}

/** Lowest share of noticed mutants of a room, in percent. Equivalent mutants do not count. */
export const MIN_SCORE = 88;

export const rooms: Readonly<Record<string, Room>> = {
  policy: { mutate: ['lambda/policy/*.ts'], tests: ['test/lambda/policy/**'], budgetMinutes: 20 },
  keys: { mutate: ['lambda/keys/*.ts'], tests: ['test/lambda/keys/**'], budgetMinutes: 30 },
  forcing: { mutate: ['lambda/forcing/*.ts'], tests: ['test/lambda/forcing/**'], budgetMinutes: 90 },
  formats: { mutate: ['lambda/formats/**/*.ts'], tests: ['test/lambda/formats/**'], budgetMinutes: 60 },
  generation: { mutate: ['lambda/generation/*.ts'], tests: ['test/lambda/generation/**'], budgetMinutes: 120 },
  apis: {
    mutate: ['lambda/apis/**/*.ts'],
    // The routes of files, stores and feedback are tested with what is behind them.
    tests: ['test/lambda/apis/**', 'test/lambda/feedback/**', 'test/lambda/retrieval/stores.test.ts'],
    budgetMinutes: 180,
  },
  upstream: { mutate: ['lambda/upstream/*.ts'], tests: ['test/lambda/upstream/**'], budgetMinutes: 60 },
  scaling: {
    mutate: ['lambda/scaling/*.ts'],
    tests: ['test/lambda/scaling/**', 'test/lambda/keys/backoff.test.ts'],
    budgetMinutes: 90,
  },
  checks: {
    mutate: ['lib/checks/*.ts'],
    // The other tests there judge whole templates, for minutes.
    tests: ['test/lib/checks/bounds.test.ts', 'test/lib/checks/checks.test.ts', 'test/lib/checks/refusals.test.ts'],
    budgetMinutes: 120,
  },
  endpoint: { mutate: ['local/endpoint/*.ts'], tests: ['test/local/**'], budgetMinutes: 90 },
};
