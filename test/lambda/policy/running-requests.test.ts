import { describe, expect, it } from 'vitest';
import { release } from '../../../lambda/policy/controller.ts';
import { cutLongest } from '../../../lambda/policy/cut-longest.ts';
import { defaultElastic } from '../../../lambda/policy/elastic-grant.ts';
import { unknownUse } from '../../../lambda/policy/expected-use.ts';
import { emptyLoad, FULL_CACHE } from '../../../lambda/policy/load.ts';
import { LoadAccount } from '../../../lambda/policy/load-account.ts';

/** 73,000 usable tokens of cache. */
const capacity = {
  cacheTokens: 100_000,
  maxRequests: 10,
  tokensPerSecond: 100,
  promptTokensPerSecond: 1_000,
  requestTokens: 0,
};

describe('what a request gives back', () => {
  const held = { promptTokens: 100, limitTokens: 1_000, minTokens: 0, reservedTokens: 1_100 };
  const half = unknownUse().map(() => 0.5);

  it('at its end is all that it holds, and the rest of its limit', () => {
    expect(release(held, { kind: 'ended', usedTokens: 300 }, half)).toEqual({
      requests: 1,
      promptTokens: 100,
      reservedTokens: 1_100,
      committedTokens: 700,
      limitTokens: 1_000,
    });
    expect(release(held, { kind: 'ended', usedTokens: 1_001 }, half).committedTokens).toBe(0);
  });

  it('at a cut is the rest of its limit, and what is reserved above the expected use of the new one', () => {
    // 400 tokens remain, of which half are expected.
    expect(release(held, { kind: 'cut', usedTokens: 50, limitTokens: 400 }, half)).toEqual({
      requests: 0,
      promptTokens: 0,
      reservedTokens: 800,
      committedTokens: 600,
      limitTokens: 600,
    });
  });

  it('at a cut keeps what exists already, and its minimum', () => {
    expect(release(held, { kind: 'cut', usedTokens: 350, limitTokens: 400 }, half).reservedTokens).toBe(650);
    expect(release({ ...held, minTokens: 390 }, { kind: 'cut', usedTokens: 50, limitTokens: 400 }, half)).toMatchObject(
      {
        reservedTokens: 610,
      },
    );
  });

  it('at a cut that changes nothing is nothing', () => {
    const none = { requests: 0, promptTokens: 0, reservedTokens: 0, committedTokens: 0, limitTokens: 0 };
    const small = { ...held, reservedTokens: 120 };
    expect(release(small, { kind: 'cut', usedTokens: 50, limitTokens: 5_000 }, half)).toEqual(none);
  });
});

describe('the account of a load', () => {
  const held = (limitTokens: number, reservedTokens: number, promptTokens = 0) => ({
    promptTokens,
    limitTokens,
    minTokens: 0,
    reservedTokens,
  });

  it('adds requests by key, and takes back what they give back', () => {
    const account = new LoadAccount<string>();
    account.add('a', held(100, 60), 30);
    account.add('a', held(200, 70), 999);
    account.add('b', held(50, 20));
    expect(account.load(2, 1)).toEqual({
      copies: 2,
      startingCopies: 1,
      requests: 3,
      // Only b has no token.
      waitingRequests: 1,
      promptTokens: 0,
      waitingPromptTokens: 0,
      reservedTokens: 150,
      committedTokens: 350 - 230,
    });
    expect(account.usedTokens).toBe(230);
    expect(account.keyLoad('a')).toEqual({ reservedTokens: 130, activeKeys: 2 });
    expect(account.keyLoad('new')).toEqual({ reservedTokens: 0, activeKeys: 3 });

    account.release('a', { requests: 1, promptTokens: 0, reservedTokens: 60, committedTokens: 70, limitTokens: 100 });
    expect(account.requests).toBe(2);
    expect(account.usedTokens).toBe(200);
    expect(account.load(1, 0)).toMatchObject({ requests: 2, reservedTokens: 90, committedTokens: 50 });
    expect(account.keyLoad('a')).toEqual({ reservedTokens: 70, activeKeys: 2 });

    // A cut does not end the request.
    account.release('b', { requests: 0, promptTokens: 0, reservedTokens: 5, committedTokens: 10, limitTokens: 10 });
    expect(account.keyLoad('b')).toEqual({ reservedTokens: 15, activeKeys: 2 });
    account.release('b', { requests: 1, promptTokens: 0, reservedTokens: 15, committedTokens: 40, limitTokens: 40 });
    expect(account.keyLoad('a')).toEqual({ reservedTokens: 70, activeKeys: 1 });
    expect(account.keyLoad('b')).toEqual({ reservedTokens: 0, activeKeys: 2 });
    account.release('a', { requests: 1, promptTokens: 0, reservedTokens: 70, committedTokens: 0, limitTokens: 200 });
    expect(account.load(1, 0)).toEqual({ ...emptyLoad, copies: 1, waitingRequests: 1 });
  });

  it('counts the prompts, which wait until their first token', () => {
    const account = new LoadAccount<string>();
    account.add('a', held(100, 60, 40), 1);
    account.add('a', held(100, 60, 7));
    account.add('b', held(100, 60, 300));
    expect(account.load(1, 0)).toMatchObject({ promptTokens: 347, waitingRequests: 2, waitingPromptTokens: 307 });
    account.start({ promptTokens: 7 });
    expect(account.load(1, 0)).toMatchObject({ promptTokens: 347, waitingRequests: 1, waitingPromptTokens: 300 });
    account.release('a', { requests: 1, promptTokens: 40, reservedTokens: 60, committedTokens: 0, limitTokens: 100 });
    expect(account.load(1, 0)).toMatchObject({ promptTokens: 307, waitingRequests: 1, waitingPromptTokens: 300 });
  });

  it('a cut of a key without a running request leaves the number of active keys', () => {
    const account = new LoadAccount<string>();
    account.add('a', held(100, 60));
    account.release('b', { requests: 0, promptTokens: 0, reservedTokens: 0, committedTokens: 0, limitTokens: 0 });
    expect(account.keyLoad('a').activeKeys).toBe(1);
  });

  it('never has less than nothing used, whatever is measured', () => {
    const account = new LoadAccount<string>();
    account.add('a', held(100, 60));
    account.measured(40);
    expect(account.usedTokens).toBe(40);
    account.release('a', { requests: 1, promptTokens: 0, reservedTokens: 60, committedTokens: 30, limitTokens: 100 });
    expect(account.usedTokens).toBe(0);
    account.measured(-5);
    expect(account.usedTokens).toBe(0);
  });
});

describe('cuts of the longest thoughts', () => {
  const thought = (name: string, usedThinking: number, changes = {}) => ({
    name,
    key: 'a',
    promptTokens: 0,
    limitTokens: 1_100,
    minTokens: 0,
    reservedTokens: 1_100,
    usedThinking,
    floorThinking: 0,
    wantedThinking: 1_000,
    answerTokens: 100,
    ...changes,
  });

  function cutsOf(thoughts: readonly ReturnType<typeof thought>[], reservable: number) {
    const account = new LoadAccount<string>();
    for (const one of thoughts) account.add(one.key, one, one.usedThinking);
    const cuts: (readonly [string, unknown])[] = [];
    const options = { copies: 1, startingCopies: 0, use: unknownUse(), settings: defaultElastic };
    // Without prompts, requests hold half of what they reserve.
    const of = { ...capacity, maxRequests: 1_000, cacheTokens: reservable / (2 * FULL_CACHE) };
    cutLongest(thoughts, account, { ...options, capacity: of }, ({ name }, after) => cuts.push([name, after]));
    return { cuts, load: account.load(1, 0) };
  }

  it('go on until the load has room, the longest first, and tell the limits from then on', () => {
    const thoughts = [thought('short', 300), thought('long', 900), thought('tiny', 1)];
    const { cuts, load } = cutsOf(thoughts, 600);
    expect(cuts.map(([name]) => name)).toEqual(['long', 'short', 'tiny']);
    expect(cuts[0]?.[1]).toEqual({ limitTokens: 1_000, reservedTokens: 1_000 });
    expect(cuts[1]?.[1]).toEqual({ limitTokens: 400, reservedTokens: 400 });
    expect(load.reservedTokens).toBe(1_000 + 400 + 101);
  });

  it('end with the first one that frees enough', () => {
    const thoughts = [thought('a', 400), thought('b', 410), thought('c', 420)];
    const { cuts } = cutsOf(thoughts, 2_000);
    expect(cuts.length).toBeGreaterThan(0);
    expect(cuts.length).toBeLessThan(3);
    expect(cuts[0]?.[0]).toBe('c');
  });

  it('begin with the largest fraction of what was wanted', () => {
    const { cuts } = cutsOf(
      [thought('much', 500, { wantedThinking: 5_000 }), thought('most', 400, { wantedThinking: 500 })],
      500,
    );
    expect(cuts[0]?.[0]).toBe('most');
  });

  it('leave a load with room alone', () => {
    expect(cutsOf([thought('a', 900)], 100_000).cuts).toEqual([]);
  });
});
