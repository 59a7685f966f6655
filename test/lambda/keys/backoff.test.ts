import { afterEach, describe, expect, it, vi } from 'vitest';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { renewSeconds, snapshotSeconds } from '../../../lambda/policy/load-freshness.ts';
import { LEASE_SECONDS } from '../../../lambda/scaling/admitted-request.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { loadWorld } from '../scaling/load-world.ts';

const { slept } = vi.hoisted(() => ({ slept: [] as number[] }));
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    slept.push(ms);
  },
}));

/** A table in which every conditional write finds that another function wrote first. */
class ContendedTable extends MemoryTable {
  contended = true;

  override async putIfVersion(...write: Parameters<MemoryTable['putIfVersion']>): Promise<boolean> {
    return this.contended ? false : await super.putIfVersion(...write);
  }
}

afterEach(() => {
  slept.length = 0;
  vi.restoreAllMocks();
});

/** Longest delays: `first`, doubled up to `max`. */
const doubling = (first: number, max: number, count: number) =>
  Array.from({ length: count }, (_, attempt) => Math.min(max, first * 2 ** attempt));

const caller = { id: 'key_a', admin: false, limits: { tokens_per_day: 1_000 } };
const reservation = { requestId: 'r', model: 'm', tokens: 10, leaseSeconds: 60 };

describe('the backoff of conditional writes', () => {
  it('of an admission doubles from 10 ms to 320 ms, 20 times, and then refuses', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const ledger = new Ledger(new ContendedTable(), () => 1_700_000_000);
    await expect(ledger.admit(caller, reservation)).rejects.toMatchObject({
      status: 503,
      code: 'limits_contended',
      headers: { 'retry-after': '1' },
    });
    expect(slept).toEqual(doubling(10, 320, 20));
  });

  it('is random from 0 to its longest delay, so that functions do not meet again', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.25);
    await new Ledger(new ContendedTable(), () => 1_700_000_000).admit(caller, reservation).catch(() => undefined);
    expect(slept).toEqual(doubling(2.5, 80, 20));
  });

  it('of a settlement goes on 60 times, because the usage would be lost', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const table = new ContendedTable();
    table.contended = false;
    const admitted = await new Ledger(table, () => 1_700_000_000).admit(caller, reservation);
    table.contended = true;
    const used = { prompt: 1, cached: 0, thinking: 1, answer: 1, forced: 0, probe: 0, aborted: 0 };
    await expect(admitted.settle(used)).rejects.toMatchObject({ code: 'limits_contended' });
    expect(slept).toEqual(doubling(10, 320, 60));
  });

  it('of a change of a key doubles from 10 ms to 320 ms, 30 times, and then is a 409 or, of a revocation, a 503', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const table = new ContendedTable();
    table.contended = false;
    const store = new KeyStore(table, () => 1_700_000_000);
    const { record } = await store.create('mine');
    table.contended = true;
    await expect(store.change(record.id, { store: true })).rejects.toMatchObject({ status: 409, code: 'key_changed' });
    expect(slept).toEqual(doubling(10, 320, 30));
    slept.length = 0;
    await expect(store.revoke(record.id)).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    expect(slept).toEqual(doubling(10, 320, 30));
    slept.length = 0;
    await expect(store.rotate(record.id, 60)).rejects.toMatchObject({ status: 409, headers: { 'retry-after': '1' } });
    expect(slept).toEqual(doubling(10, 320, 30));
  });

  it('of a wake doubles from 20 ms, 8 times, and another function then wakes the endpoint', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const { autoscaler, control } = loadWorld(0, { table: new ContendedTable() });
    expect(await autoscaler.scaling.wake()).toBeUndefined();
    expect(control.asked).toEqual([]);
    expect(slept).toEqual(doubling(20, Number.POSITIVE_INFINITY, 8));
  });
});

describe('the interval between two looks at the load, and between two renewals', () => {
  it.each([
    [0, 2, 5],
    [1_400, 2, 5],
    [2_100, 3, 5],
    [3_500, 5, 5],
    [7_000, 10, 10],
    [10_500, 15, 15],
    [50_000, 15, 15],
  ])('with %d requests is %d s and %d s', (requests, look, renew) => {
    expect(snapshotSeconds(requests)).toBe(look);
    expect(renewSeconds(requests)).toBe(renew);
    // A function misses one renewal at least before its lease expires.
    expect(renew * 2).toBeLessThanOrEqual(LEASE_SECONDS);
  });
});

describe('the history of decisions', () => {
  it('has the last 20 that differ, the latest first', async () => {
    const { autoscaler, clock, control } = loadWorld(0);
    for (let tick = 1; tick <= 50; tick++) {
      clock.now += 60;
      // Every second tick sees another number of copies.
      control.seen = { current: Math.floor(tick / 2) % 2, desired: Math.floor(tick / 2) % 2 };
      await autoscaler.scaling.tick();
    }
    const { decisions } = (await autoscaler.scaling.store.state()).value;
    expect(decisions).toHaveLength(20);
    const times = decisions.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    for (const [index, { have, want }] of decisions.entries()) {
      const next = decisions[index + 1];
      if (next !== undefined) expect([have, want]).not.toEqual([next.have, next.want]);
    }
  });
});
