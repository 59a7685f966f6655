import { describe, expect, it } from 'vitest';
import type { Metered } from '../../../bench/metered-table.ts';
import { MeteredTable } from '../../../bench/metered-table.ts';
import type { AdmittedRequest } from '../../../lambda/scaling/admitted-request.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

/** Two functions over one table: the first one's thought is the longest. */
async function twoFunctions() {
  const operations: Metered[] = [];
  const table = new MeteredTable((metered) => operations.push(metered));
  const settings = { ...smallCopies, maxRequests: 64 };
  const one = loadWorld(1, { table, settings });
  const other = loadWorld(1, { table, settings, now: () => one.clock.now });
  const think = async ({ autoscaler }: typeof one, id: string, thinking: number): Promise<AdmittedRequest> => {
    const { admitted } = await autoscaler.gate.admit(request(id));
    admitted.count(0, { thinking, answer: 0 });
    return admitted;
  };
  const short = await think(other, 'short', 250);
  const longest = await think(one, 'longest', 360);
  const long = await think(other, 'long', 330);
  const all = [short, longest, long];
  /** Lets all renew, in this order. */
  const renew = async (order: readonly AdmittedRequest[] = all) => {
    one.clock.now += 6;
    for (const admitted of order) await admitted.refresh();
  };
  await renew();
  const plans = () => operations.filter(({ pk }) => pk.startsWith('CUTS#'));
  return {
    one,
    other,
    short,
    longest,
    long,
    renew,
    plans,
    cut: () => all.map((admitted) => admitted.cutOf(0)?.aborted),
  };
}

describe('A plan of cuts', () => {
  it('is neither read nor made while the endpoint has room', async () => {
    const { renew, plans, cut } = await twoFunctions();
    await renew();
    expect(plans()).toEqual([]);
    expect(cut()).toEqual([false, false, false]);
  });

  it('of one function is that of the others: the longest thought ends, and no more than necessary', async () => {
    for (const last of [true, false]) {
      const { one, short, longest, long, renew, plans, cut } = await twoFunctions();
      for (let id = 0; id < 2; id++)
        await one.autoscaler.gate.admit(request(`stiff${id}`, { elastic: false, key: 'key_b' }));
      await renew(last ? [short, long, longest] : [longest, short, long]);
      await renew();
      expect(cut()).toEqual([false, true, false]);
      // Claimed and written by one function, and read by each that needs it.
      expect(plans().length).toBeGreaterThan(0);
    }
  });

  it('is made by one function at a time; the others cut with the next look', async () => {
    const { one, longest, long, cut } = await twoFunctions();
    for (let id = 0; id < 2; id++)
      await one.autoscaler.gate.admit(request(`stiff${id}`, { elastic: false, key: 'key_b' }));
    one.clock.now += 6;
    await Promise.all([longest.refresh(), long.refresh()]);
    one.clock.now += 2;
    await Promise.all([longest.refresh(), long.refresh()]);
    expect(cut()).toEqual([false, true, false]);
  });

  it('is made again after a function that claimed it died', async () => {
    const { one, renew, cut } = await twoFunctions();
    for (let id = 0; id < 2; id++)
      await one.autoscaler.gate.admit(request(`stiff${id}`, { elastic: false, key: 'key_b' }));
    const { table } = one.autoscaler.scaling.options;
    await table.putIfVersion({ pk: 'CUTS#scripted', sk: 'plan', at: one.clock.now + 6, ids: [] }, undefined);
    await renew();
    expect(cut()).toEqual([false, false, false]);
    await renew();
    await renew();
    expect(cut()).toEqual([false, true, false]);
  });
});
