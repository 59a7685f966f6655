import { describe, expect, it } from 'vitest';
import { loadWorld, request } from './load-world.ts';

const batch = (mayWake = false) => ({ batch: { mayWake } });
const line = (id: string, mayWake = false) => request(id, batch(mayWake));
const refused = (code: string) => expect.objectContaining({ status: 503, code });

/** Admits requests until one is refused or waits. Returns how many started at once. */
async function fill(world: ReturnType<typeof loadWorld>, name: string, changes = {}) {
  for (let count = 0; ; count++) {
    const admitted = await world.autoscaler.gate
      .admit(request(`${name}-${count}`, { elastic: false, ...changes }))
      .catch(() => undefined);
    if (admitted === undefined || admitted.report.expectedWaitSeconds > 0) return count;
  }
}

describe('a line of a batch at admission', () => {
  it('starts on a copy with room, and takes at most half of the load', async () => {
    const interactive = await fill(loadWorld(1), 'request');
    const lines = await fill(loadWorld(1), 'line', batch());
    expect(lines).toBeGreaterThan(0);
    expect(lines).toBeLessThanOrEqual(Math.ceil(interactive / 2));
  });

  it('waits if requests with clients have half of the load', async () => {
    const world = loadWorld(1);
    const { gate } = world.autoscaler;
    const admitted = [await gate.admit(request('a')), await gate.admit(request('b')), await gate.admit(request('c'))];
    await expect(gate.admit(line('line'))).rejects.toEqual(refused('batch_waits'));
    for (const { admitted: running } of admitted) await running.end();
    expect((await gate.admit(line('line'))).report.expectedWaitSeconds).toBe(0);
  });

  it('takes no place from requests with clients: as many start as without batches', async () => {
    const without = await fill(loadWorld(1), 'request');
    const world = loadWorld(1);
    await fill(world, 'line', batch());
    expect(await fill(world, 'request')).toBe(without);
  });

  it('shrinks no budget of a request with a client', async () => {
    const without = await loadWorld(1).autoscaler.gate.admit(request('a'));
    const world = loadWorld(1);
    await fill(world, 'line', batch());
    expect((await world.autoscaler.gate.admit(request('a'))).report.granted).toBe(without.report.granted);
  });

  it('that waits leaves no lease, so it is no demand for copies', async () => {
    const world = loadWorld(0);
    await expect(world.autoscaler.gate.admit(line('line'))).rejects.toEqual(refused('batch_waits'));
    expect(await world.autoscaler.scaling.leaseStore.all()).toEqual([]);
    expect(world.control.asked).toEqual([]);
  });

  it('wakes an endpoint without copies once it may, and does not wait for the copy', async () => {
    const world = loadWorld(0);
    await expect(world.autoscaler.gate.admit(line('line', true))).rejects.toEqual(refused('endpoint_starting'));
    expect(world.control.asked).toEqual([1]);
  });

  it('wakes no endpoint that its operator paused', async () => {
    const world = loadWorld(0);
    const { scaling, gate } = world.autoscaler;
    const { value, version } = await scaling.store.control();
    await scaling.store.write('control', { ...value, paused: true }, version);
    scaling.forget();
    await expect(gate.admit(line('line', true))).rejects.toEqual(refused('endpoint_paused'));
    expect(world.control.asked).toEqual([]);
  });
});
