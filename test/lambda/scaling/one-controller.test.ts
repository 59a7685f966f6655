import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Asked, twoControllers } from './two-controllers.ts';

// Only the renewal of leases uses timers.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const asked = (changes: Partial<Asked> = {}): Asked => ({
  key: 0,
  promptTokens: 100,
  minTokens: 0,
  floorTokens: 100,
  maxTokens: 1_900,
  answerTokens: 100,
  elastic: true,
  ...changes,
});

/** What both sides free when a thought of this length is cut. Requests of this size are expected to use half of their limit. */
async function freedByCut(thinking: number) {
  const both = await twoControllers(0.5);
  await both.step();
  expect(await both.admit(asked())).toEqual({ live: 1_900, simulated: 1_900 });
  // Fills the copy with requests that are not elastic, until the thought is over its grant.
  for (let index = 0; index < 11; index++) await both.admit(asked({ key: 1, elastic: false, maxTokens: 1_900 }));
  const [one] = both.running;
  if (one === undefined) throw new Error('The request was refused.');
  both.think(one, thinking);
  await both.wait();
  await both.step();
  const before = { live: await both.liveLoad(), simulated: both.simulatedLoad() };
  expect((await both.cut()).live[0]).toBe(true);
  const after = { live: await both.liveLoad(), simulated: both.simulatedLoad() };
  const freed = (side: 'live' | 'simulated') => ({
    reserved: before[side].reservedTokens - after[side].reservedTokens,
    committed: before[side].committedTokens - after[side].committedTokens,
  });
  return { live: freed('live'), simulated: freed('simulated') };
}

describe('What a cut thought frees', () => {
  // Live, this was 350: the expected use of the new limit is 650 tokens, although the request has 1,200 already.
  it('a thought that is cut after more tokens than were reserved frees no reservation, live and simulated', async () => {
    const freed = { reserved: 0, committed: 700 };
    expect(await freedByCut(1_200)).toEqual({ live: freed, simulated: freed });
  });

  // Live, this was 800: half of the new limit, below the tokens that exist. Simulated it was 600: with the answer's actual length.
  it('a thought that is cut early frees what its tokens do not fill of the reservation, live and simulated', async () => {
    const freed = { reserved: 700, committed: 1_600 };
    expect(await freedByCut(300)).toEqual({ live: freed, simulated: freed });
  });
});

const anyRequest: fc.Arbitrary<Asked> = fc
  .record({
    key: fc.integer({ min: 0, max: 2 }),
    promptTokens: fc.integer({ min: 1, max: 400 }),
    limits: fc.tuple(
      fc.integer({ min: 0, max: 3_000 }),
      fc.integer({ min: 0, max: 3_000 }),
      fc.integer({ min: 1, max: 3_000 }),
    ),
    answerTokens: fc.integer({ min: 1, max: 600 }),
    elastic: fc.boolean(),
  })
  .map(({ limits, ...rest }) => {
    const [minTokens = 0, floorTokens = 0, maxTokens = 1] = limits.toSorted((a, b) => a - b);
    return { ...rest, minTokens, floorTokens, maxTokens };
  });

/** Twenty seconds of an endpoint: what arrives, how fast thoughts grow, what ends, and which copies run. */
const anyRound = fc.record({
  arrivals: fc.array(anyRequest, { maxLength: 12 }),
  thinking: fc.array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 5 }),
  ends: fc.array(fc.nat({ max: 30 }), { maxLength: 4 }),
  copies: fc.integer({ min: 1, max: 4 }),
  startingCopies: fc.integer({ min: 0, max: 2 }),
});

describe('One controller, live and simulated', () => {
  it('the same requests get the same grants, cuts, freed tokens and decisions, in any order of events', async () => {
    let cuts = 0;
    let refused = 0;
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRound, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(1, 0.5, 0.2),
        async (rounds, use) => {
          const both = await twoControllers(use);
          const same = ({ live, simulated }: { readonly live: unknown; readonly simulated: unknown }) =>
            expect(live).toEqual(simulated);
          const sameLoad = async () => expect(await both.liveLoad()).toEqual(both.simulatedLoad());
          same(await both.step());
          for (const { arrivals, thinking, ends, ...copies } of rounds) {
            for (const arrival of arrivals) {
              const decided = await both.admit(arrival);
              same(decided);
              if (decided.live === undefined) refused += 1;
            }
            same(await both.cut());
            both.running.forEach((one, index) => {
              both.think(one, thinking[index % thinking.length] ?? 0);
            });
            await both.wait();
            const stepped = await both.step(copies);
            same(stepped);
            if (stepped.live.decision.missing || stepped.live.decision.spare) moved += 1;
            await sameLoad();
            const cut = await both.cut();
            same(cut);
            cuts += cut.live.filter(Boolean).length;
            await sameLoad();
            // In the order of their ids: what was learned depends on it, and the table has no other order.
            const ending = new Set(ends.map((which) => both.running[which % Math.max(1, both.running.length)]));
            for (const one of both.running.filter((running) => ending.has(running))) await both.end(one, 1);
            // The simulator knows the usage of all requests together, as of the last step, and so the committed tokens.
            const { committedTokens: _, ...load } = both.simulatedLoad();
            expect(await both.liveLoad()).toMatchObject(load);
            same(await both.step(copies));
            await sameLoad();
          }
          for (const one of [...both.running]) await both.end(one, 1);
          expect(await both.liveLoad()).toMatchObject({ requests: 0, reservedTokens: 0, committedTokens: 0 });
          same({ live: await both.liveLoad(), simulated: both.simulatedLoad() });
        },
      ),
      { seed: 7, numRuns: 150 },
    );
    // The sequences reach every kind of decision.
    expect(Math.min(cuts, refused, moved)).toBeGreaterThan(10);
  }, 60_000);
});
