import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadWorld, request } from '../scaling/load-world.ts';
import { embeddedTable } from './embedded-table.ts';

let embedded: Awaited<ReturnType<typeof embeddedTable>>;
beforeAll(async () => {
  embedded = await embeddedTable();
});
afterAll(async () => {
  await embedded.close();
});

describe('Leases and scaling state in DynamoDB', () => {
  it('a function sees the leases of another one, counts them and deletes ended ones', async () => {
    const { table } = embedded;
    const one = loadWorld(1, { table });
    const other = loadWorld(1, { table, now: () => one.clock.now });
    const { admitted, report } = await one.autoscaler.gate.admit(request('a'));
    expect(report.granted).toBe(800);
    for (let index = 0; index < 4; index++) await one.autoscaler.gate.admit(request(`more${index}`));
    expect((await other.autoscaler.gate.admit(request('b'))).report.granted).toBeLessThan(800);
    await admitted.end();
    one.clock.now += 120;
    const state = await other.autoscaler.scaling.tick();
    expect(state.seen.requests).toBe(0);
    expect(await one.autoscaler.scaling.leaseStore.all()).toEqual([]);
    expect((await one.autoscaler.gate.admit(request('c'))).report.granted).toBe(800);
  });

  it('one of several functions that tick concurrently advances the state', async () => {
    const { table } = embedded;
    const worlds = [1, 2, 3].map(() => loadWorld(1, { table, owner: { endpointName: 'e', modelId: 'm' } }));
    await Promise.all(worlds.map(({ autoscaler }) => autoscaler.scaling.tick()));
    expect(worlds.flatMap(({ lines }) => lines).length).toBe(1);
  });
});
