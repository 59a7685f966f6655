import { describe, expect, it } from 'vitest';
import { promptSpeed, speedAt } from '../../../lambda/policy/measured-speed.ts';
import { MemoryTable } from '../../../lambda/storage/memory-table.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

/** An item that a version before the controller wrote, and a lease of that version. */
const writtenBefore = {
  at: 995,
  demand: { tokensPerSecond: 123.5 },
  history: { since: 400, peaks: [{ at: 700, copies: 3 }] },
  use: Array.from({ length: 20 }, () => 0.25),
  speed: { weight: 20, requests: 50, seconds: 0.4, requestsSquared: 170, product: 1 },
  tokensPerSecond: 180,
  usedTokens: 400,
  copies: { running: 1, starting: 0 },
  startSeconds: 77,
  decisions: [
    { at: 700, have: 1, want: 3, reason: 'A demand of 500 tokens/s needs 3 copies: adding 2 to the current 1.' },
  ],
  seen: {
    requests: 1,
    reservedTokens: 325,
    committedTokens: 500,
    pressure: 0.08,
    wantedThinking: 800,
    grantedThinking: 800,
  },
};
const leaseBefore = {
  pk: 'LOAD#scripted',
  sk: 'old',
  key: 'key_a',
  promptTokens: 100,
  limitTokens: 900,
  minTokens: 0,
  usedTokens: 400,
  until: 1_020,
  wantedThinking: 800,
  grantedThinking: 800,
  floorThinking: 50,
  usedThinking: 400,
  elastic: true,
  answerTokens: 100,
  cameAt: 900,
};

async function worldBefore() {
  const table = new MemoryTable();
  await table.putIfVersion({ pk: 'SCALING#scripted', sk: 'state', value: JSON.stringify(writtenBefore) }, undefined);
  await table.put(leaseBefore);
  return loadWorld(1, { table });
}

describe('Items of older versions', () => {
  it('a scaling state that an older version wrote is read without loss', async () => {
    const { autoscaler } = await worldBefore();
    const { speed, ...read } = (await autoscaler.scaling.store.state()).value;
    const { speed: _, demand, ...before } = writtenBefore;
    expect(read).toMatchObject({ ...before, demand });
    // It was measured without prompts, so it starts over.
    expect(promptSpeed(speed)).toBeGreaterThan(0);
    expect(speedAt(speed, 1)).toBeCloseTo(1 / smallCopies.stepSeconds, 6);
  });

  it('the next tick continues from the state of an older version', async () => {
    const { autoscaler, clock } = await worldBefore();
    clock.now += 5;
    const state = await autoscaler.scaling.tick(0);
    expect(state).toMatchObject({ at: 1_005, use: writtenBefore.use, usedTokens: 400, startSeconds: 77 });
    expect(state.history?.peaks[0]).toEqual({ at: 700, copies: 3 });
    // No request arrived for 10 seconds.
    expect(state.demand.tokensPerSecond).toBeCloseTo(123.5 * Math.exp(-10 / 600), 9);
    expect((await autoscaler.scaling.store.state()).value).toEqual(state);
  });

  it('a lease without a reservation counts with the expected use of its limit', async () => {
    const { autoscaler } = await worldBefore();
    expect((await autoscaler.scaling.snapshot()).load).toMatchObject({
      requests: 1,
      reservedTokens: 100 + 900 * 0.25,
      committedTokens: 500,
    });
  });

  it('the reservation of a request stays the same while other requests are learned from', async () => {
    const { autoscaler, clock } = loadWorld(1);
    await autoscaler.gate.admit(request('long'));
    const reserved = async () =>
      (await autoscaler.scaling.leaseStore.all()).map(({ requestId, reservedTokens }) => [requestId, reservedTokens]);
    expect(await reserved()).toEqual([['long', 1_000]]);
    const { admitted } = await autoscaler.gate.admit(request('short'));
    admitted.count(0, { thinking: 8, answer: 1 });
    await admitted.end();
    clock.now += 10;
    const state = await autoscaler.scaling.tick(0);
    expect(Math.min(...state.use)).toBeLessThan(1);
    expect((await autoscaler.scaling.snapshot()).load.reservedTokens).toBe(1_000);
  });
});
