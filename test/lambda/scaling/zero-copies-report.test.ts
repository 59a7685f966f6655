import { describe, expect, it } from 'vitest';
import type { DesiredCopiesLine } from '../../../lambda/scaling/scaling-metrics.ts';
import { ZeroCopiesReport } from '../../../lambda/scaling/zero-copies-report.ts';

function aReport(describeCopies: () => Promise<{ current: number; desired: number }>) {
  const lines: DesiredCopiesLine[] = [];
  const clock = { now: 1_000 };
  const logged: string[] = [];
  const report = new ZeroCopiesReport({
    owner: { endpointName: 'stage', modelId: 's1-32b' },
    copies: { describe: describeCopies },
    now: () => clock.now,
    emit: (line) => void lines.push(line),
    log: (_level, message) => void logged.push(message),
  });
  return { report, lines, clock, logged };
}

describe('the report of desired copies', () => {
  it('a request that finds no copy writes the desired copies as a metric of the model', async () => {
    const { report, lines } = aReport(async () => ({ current: 0, desired: 0 }));
    expect(await report.noCapacity()).toBe(false);
    expect(lines).toEqual([expect.objectContaining({ Endpoint: 'stage', Model: 's1-32b', DesiredCopies: 0 })]);
    expect(lines[0]?._aws).toMatchObject({
      Timestamp: 1_000_000,
      CloudWatchMetrics: [{ Metrics: [{ Name: 'DesiredCopies', StorageResolution: 1 }] }],
    });
  });

  it('requests that poll share one description of the component in ten seconds', async () => {
    let desired = 0;
    const { report, lines, clock } = aReport(async () => ({ current: 0, desired }));
    await report.noCapacity();
    desired = 4;
    clock.now += 3;
    expect(await report.noCapacity()).toBe(false);
    clock.now += 8;
    expect(await report.noCapacity()).toBe(true);
    expect(lines.map(({ DesiredCopies }) => DesiredCopies)).toEqual([0, 4]);
  });

  it('a component that cannot be described is logged, and reported as unknown', async () => {
    const { report, lines, logged } = aReport(async () => await Promise.reject(new Error('Rate exceeded')));
    expect(await report.noCapacity()).toBeUndefined();
    expect(lines).toEqual([]);
    expect(logged).toEqual(['desired copies unknown']);
  });
});
