import { describe, expect, it } from 'vitest';
import { playFaults } from '../../bench/fault-run.ts';

describe('npm run bench:faults', () => {
  it('a hundred generations with faults of every kind write what they write without', {
    timeout: 180_000,
  }, async () => {
    const results = await playFaults({ generations: 100, questions: 8, seed: 2, engine: 'chained', idleMs: 500 });
    expect(results).toHaveLength(100);
    expect(results.filter(({ verdict }) => verdict !== 'same')).toEqual([]);
    // The faults were played: a broken call is continued by a further one.
    const resumed = results.filter(({ kind, calls, expectedCalls }) => kind === 'reset' && calls > expectedCalls);
    expect(resumed.length).toBeGreaterThan(0);
  });
});
