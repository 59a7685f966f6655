import { describe, expect, it } from 'vitest';
import { defaultAdmission } from '../../../lambda/policy/admission.ts';
import { noPrompts } from '../../../lambda/policy/cached-prompts.ts';
import {
  type ControllerState,
  capacityOf,
  decideRequest,
  newControllerState,
  type Observation,
  release,
  step,
} from '../../../lambda/policy/controller.ts';
import { changeOf, copySteps } from '../../../lambda/policy/copy-steps.ts';
import { cutLongest } from '../../../lambda/policy/cut-longest.ts';
import { noDemand } from '../../../lambda/policy/demand.ts';
import { defaultScaling } from '../../../lambda/policy/desired-copies.ts';
import { defaultElastic, evenShare, unevenness } from '../../../lambda/policy/elastic-grant.ts';
import { unknownUse } from '../../../lambda/policy/expected-use.ts';
import { emptyLoad, FULL_CACHE } from '../../../lambda/policy/load.ts';
import { LoadAccount } from '../../../lambda/policy/load-account.ts';
import { learnSpeed, promptSpeed, speedAt, speedOfProfile } from '../../../lambda/policy/measured-speed.ts';
import { noSizes } from '../../../lambda/policy/request-sizes.ts';
import { scalingDecision } from '../../../lambda/policy/scaling-decision.ts';

/** 73,000 usable tokens of cache. */
const places = { cacheTokens: 100_000, maxRequests: 10 };
const capacity = { ...places, tokensPerSecond: 100, promptTokensPerSecond: 1_000, requestTokens: 0 };
const settings = {
  scalingPolicy: 'demand',
  scaling: { ...defaultScaling, smoothingSeconds: 100 },
  admission: { fullAt: 1, maxQueueSeconds: 10 },
} as const;
const profile = { stepSeconds: 0.01, fullRequests: 10, fullStepSeconds: 0.1 };

describe('the state of a new controller', () => {
  it('has the speeds of its profile, no demand, and nothing used', () => {
    const state = newControllerState(profile);
    expect(state).toMatchObject({
      tokensPerSecond: 100,
      cached: noPrompts,
      sizes: noSizes,
      demand: noDemand,
      usedTokens: 0,
      startedPromptTokens: 0,
      copies: { running: 0 },
      use: unknownUse(),
    });
    // 256 prompt tokens in the time in which the weights are read once.
    expect(promptSpeed(state.speed)).toBeCloseTo(25_600, 6);
    expect(noDemand).toEqual({
      tokensPerSecond: 0,
      promptTokensPerSecond: 0,
      held: { requests: 0, reservedTokens: 0, promptTokens: 0 },
    });
  });

  it('has the capacity of its places, in which cached tokens cost nothing', () => {
    const state = newControllerState(profile);
    const cached = { promptTokens: 100, cachedTokens: 75 };
    const sizes = { tokens: 10, squares: 1_000 };
    const found = capacityOf(places, { ...state, cached, sizes });
    expect(found).toMatchObject({ ...places, tokensPerSecond: 100, requestTokens: 100 });
    expect(found.promptTokensPerSecond).toBeCloseTo(4 * 25_600, 6);
  });
});

describe('a step of the controller', () => {
  const before: ControllerState = {
    ...newControllerState(profile),
    usedTokens: 300,
    startedPromptTokens: 1_000,
    copies: { running: 2 },
  };
  /** A pressure of a half: 146,000 tokens, held by half, by two copies. */
  const load = { ...emptyLoad, copies: 2, requests: 4, reservedTokens: 146_000, committedTokens: 500 };
  const observation: Observation = {
    now: 1_000,
    seconds: 10,
    arrived: [],
    ended: [
      { promptTokens: 0, limitTokens: 0, usedTokens: 150 },
      { promptTokens: 0, limitTokens: 0, usedTokens: 50 },
    ],
    load,
    usedTokens: 500,
  };
  const stepped = (changes: Partial<Observation> = {}, from = before) =>
    step(from, { ...observation, ...changes }, places, settings);
  /** The speed after a measurement of so many tokens and prompt tokens, in so many copy-seconds. */
  const learned = (tokens: number, copySeconds: number, requestsPerCopy = 2, promptTokens = 0) =>
    learnSpeed(before.speed, { tokens, promptTokens, copySeconds, requestsPerCopy });

  it('counts the output since the last step: what runs has more, and what ended had it before', () => {
    // 500 now and 200 of ended requests, less 300 at the last step, by two copies in 10 s.
    expect(stepped().state.speed).toEqual(learned(400, 20));
  });

  it('counts no output if less is used than before', () => {
    expect(stepped({ usedTokens: 0, ended: [] }).state.speed).toEqual(before.speed);
  });

  it('counts the prompts that got their first token since the last step, of running and of ended requests', () => {
    const ended = [
      { promptTokens: 700, limitTokens: 100, usedTokens: 200 },
      // Ended before it had a token: its prompt was not prefilled.
      { promptTokens: 9_000, limitTokens: 100, usedTokens: 0 },
    ];
    const running = { ...load, promptTokens: 4_000, waitingPromptTokens: 1_500 };
    const { state } = stepped({ ended, load: running });
    // 2,500 of running and 700 of ended requests, less 1,000 at the last step.
    expect(state.speed).toEqual(learned(400, 20, 2, 2_200));
    expect(state.startedPromptTokens).toBe(2_500);
  });

  it('counts no prompts if fewer have started than before, and only what no cache held', () => {
    expect(stepped({ load: { ...load, promptTokens: 10 } }).state.speed).toEqual(learned(400, 20, 2, 0));
    const ended = [{ promptTokens: 3_000, cachedTokens: 2_250, limitTokens: 100, usedTokens: 200 }];
    expect(stepped({ ended }).state.speed).toEqual(learned(400, 20, 2, 500));
  });

  it('estimates the speed of a full copy from the requests of one at this pressure', () => {
    const { state, pressure } = stepped({ ended: [{ promptTokens: 0, limitTokens: 0, usedTokens: 0 }] });
    expect(pressure).toBe(0.5);
    // Two requests per copy at a pressure of a half: four if it is full.
    expect(state.tokensPerSecond).toBe(speedAt(learned(200, 20), 4));
  });

  it('has the capacity that the new state tells', () => {
    const { state, capacity: found } = stepped();
    expect(found).toEqual(capacityOf(places, state));
    // The ended requests held 75 and 25 tokens of the cache.
    expect(found.requestTokens).toBeCloseTo((75 ** 2 * 0.999 + 25 ** 2) / (75 * 0.999 + 25), 9);
  });

  it('attributes the output to the requests that decode: a prompt that is being computed generates nothing', () => {
    expect(stepped({ load: { ...load, waitingRequests: 1 } }).state.speed).toEqual(learned(400, 20, 1.5));
  });

  it('measures no speed while requests queue, without a request, or in the first step', () => {
    const full = { ...load, reservedTokens: 292_000 };
    expect(stepped({ load: full }).state.speed).toEqual(learned(400, 20));
    for (const changes of [
      { load: { ...full, reservedTokens: 292_001 } },
      { load: { ...emptyLoad, copies: 2 } },
      { seconds: 0 },
    ]) {
      expect(stepped(changes).state).toMatchObject({ speed: before.speed, tokensPerSecond: before.tokensPerSecond });
    }
  });

  it('attributes the output to the copies that ran at the last step, and the requests to those that run now', () => {
    const one = { ...before, copies: { running: 1 } };
    expect(stepped({}, one).state.speed).toEqual(learned(400, 10));
    const more = { ...load, copies: 4 };
    expect(stepped({ load: more }).state.speed).toEqual(learned(400, 20, 1));
    expect(stepped({ load: more }).state.copies).toEqual({ running: 4 });
  });

  it('sums the prompts and the expected output of the arrived requests, which are the demand', () => {
    const arrived = [
      { promptTokens: 30, limitTokens: 100, minTokens: 0 },
      { promptTokens: 70, limitTokens: 50, minTokens: 10 },
    ];
    const { arrivedCopies, state, capacity: found } = stepped({ arrived });
    const weight = 1 - Math.exp(-0.1);
    expect(state.demand.tokensPerSecond).toBeCloseTo(15 * weight, 9);
    expect(state.demand.promptTokensPerSecond).toBeCloseTo(10 * weight, 9);
    expect(state.demand.held).toMatchObject({ requests: expect.closeTo(4 * weight, 9) });
    expect(state.usedTokens).toBe(500);
    // Not smoothed: 150 tokens of output and 100 of prompts in 10 s.
    expect(arrivedCopies).toBeCloseTo((150 / found.tokensPerSecond + 100 / found.promptTokensPerSecond) / 10, 12);
    expect(stepped({ arrived, seconds: 0 }).arrivedCopies).toBe(0);
  });

  it('expects the floor of a request whose limits are seldom used', () => {
    const seldom = { ...before, use: unknownUse().map(() => 0.01) };
    const arrived = [{ promptTokens: 0, limitTokens: 1_000, minTokens: 400 }];
    expect(stepped({ arrived, ended: [] }, seldom).state.demand.tokensPerSecond).toBeCloseTo(
      40 * (1 - Math.exp(-0.1)),
      9,
    );
  });

  it('learns the use of limits, and remembers the history of the policy', () => {
    const ended = [{ promptTokens: 0, limitTokens: 400, usedTokens: 200 }];
    const { state, decision } = stepped({ ended });
    expect(state.use.filter((share) => share !== 1)).toEqual([0.99]);
    expect(state.history).toBe(decision.history);
    expect(state.history).toMatchObject({ since: 1_000 });
    expect(stepped({ now: 1_010 }, state).state.history).toMatchObject({ since: 1_000 });
  });
});

describe('the decision about a request', () => {
  const request = { elastic: true, floorTokens: 100, ceilingTokens: 900 };
  /** A pressure of 2 and 20 s of work. */
  const load = { ...emptyLoad, copies: 1, requests: 1, reservedTokens: 292_000, committedTokens: 2_000 };
  const seen = { load, capacity, key: evenShare, startsInSeconds: Number.POSITIVE_INFINITY };
  const admission = { fullAt: 1, maxQueueSeconds: 10 };

  it('without settings admits it at once, with what it asked for', () => {
    expect(decideRequest(request, seen, {})).toEqual({ kind: 'admit', grantedTokens: 900, expectedWaitSeconds: 0 });
  });

  it('has the wait of a request that queues', () => {
    expect(decideRequest(request, seen, { admission })).toEqual({
      kind: 'admit',
      grantedTokens: 900,
      expectedWaitSeconds: 10,
    });
    const empty = { ...seen, load: { ...emptyLoad, copies: 1 } };
    expect(decideRequest(request, empty, { admission })).toMatchObject({ expectedWaitSeconds: 0 });
  });

  it('is a refusal above the longest wait', () => {
    expect(decideRequest(request, seen, { admission: { ...admission, maxQueueSeconds: 9 } })).toMatchObject({
      kind: 'refuse',
      status: 503,
    });
  });

  it('grants the floor under load only to an elastic request, and only if elastic budgets are on', () => {
    expect(decideRequest(request, seen, { elastic: defaultElastic })).toMatchObject({ grantedTokens: 100 });
    expect(decideRequest({ ...request, elastic: false }, seen, { elastic: defaultElastic })).toMatchObject({
      grantedTokens: 900,
    });
  });

  it('knows what an equal share is', () => {
    expect(evenShare).toEqual({ reservedTokens: 0, activeKeys: 1 });
    expect(defaultElastic.cut).toMatchObject({ shrinkFrom: expect.any(Number), shrinkTo: expect.any(Number) });
    expect(unevenness({ reservedTokens: 10, activeKeys: 3 }, emptyLoad)).toBe(1);
    expect(unevenness({ reservedTokens: 10, activeKeys: 3 }, { ...emptyLoad, reservedTokens: 20 })).toBe(1.5);
    expect(defaultAdmission.fullAt).toBeGreaterThan(1);
  });
});

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

describe('the steps of the copies', () => {
  const [missing, spare] = copySteps;

  it('have the names of their metrics and opposite directions', () => {
    expect(missing).toMatchObject({ name: 'missing-copies', metricName: 'MissingCopies', threshold: 1 });
    expect(spare).toMatchObject({ name: 'spare-copies', metricName: 'SpareCopies', threshold: 1 });
    for (const steps of [missing?.steps, spare?.steps]) {
      expect(steps).toHaveLength(20);
      expect(steps?.filter(({ to }) => to === undefined)).toEqual([steps?.[19]]);
    }
  });

  it.each([
    [0, 0],
    [0.99, 0],
    [1, 1],
    [1.99, 1],
    [2, 2],
    [19.99, 19],
    [20, 20],
    [500, 20],
  ])('a metric of %d changes the copies by %d', (value, change) => {
    expect(missing && changeOf(missing, value)).toBe(change);
    expect(spare && changeOf(spare, value)).toBe(change === 0 ? 0 : -change);
  });
});

describe('the measured speed', () => {
  const fit = speedOfProfile(0.01, { requests: 10, stepSeconds: 0.1 }, 1_000);

  it('learns from one request per copy, and not from less, from no copy, or from no token', () => {
    const measured = { tokens: 100, promptTokens: 0, copySeconds: 10, requestsPerCopy: 1 };
    expect(learnSpeed(fit, measured)).not.toEqual(fit);
    for (const changes of [{ requestsPerCopy: 0.99 }, { copySeconds: 0 }, { tokens: 0 }]) {
      expect(learnSpeed(fit, { ...measured, ...changes })).toBe(fit);
    }
  });

  it('is a line through the profile, and flat if all measurements had the same requests', () => {
    expect(speedAt(fit, 1)).toBeCloseTo(100, 9);
    expect(speedAt(fit, 10)).toBeCloseTo(100, 9);
    const flat = speedOfProfile(0.01, { requests: 1, stepSeconds: 0.03 }, 1_000);
    // Two of the three points of the profile are those of a full copy.
    expect(speedAt(flat, 5)).toBeCloseTo(5 / (0.07 / 3), 9);
  });

  it('sums the measurements with the discount of the earlier ones', () => {
    // 4 requests, each a token in 25 steps of 0.4 s, in which 50 prompt tokens are prefilled.
    const learned = learnSpeed(fit, { tokens: 100, promptTokens: 1_250, copySeconds: 10, requestsPerCopy: 4 });
    const added = {
      weight: 1,
      requests: 4,
      seconds: 0.4,
      requestsSquared: 16,
      product: 1.6,
      prompts: 50,
      promptsSquared: 2_500,
      promptsRequests: 200,
      promptsSeconds: 20,
    };
    for (const [name, value] of Object.entries(added)) {
      const sum = name as keyof typeof added;
      expect(learned[sum], name).toBeCloseTo(0.9967 * fit[sum] + value, 9);
    }
    expect(learned.profilePromptTokensPerSecond).toBe(1_000);
  });

  it('of prompts stays within a factor of four of the profile, whatever is measured', () => {
    const speedIf = (secondsPerPromptToken: number) => {
      let learned = fit;
      for (let turn = 0; turn < 2_500; turn++) {
        const requests = 1 + (turn % 10);
        const prompts = 100 * (turn % 7);
        const seconds = 0.01 * requests + prompts * secondsPerPromptToken;
        learned = learnSpeed(learned, {
          tokens: requests,
          promptTokens: prompts,
          copySeconds: seconds,
          requestsPerCopy: requests,
        });
      }
      return promptSpeed(learned);
    };
    expect(speedIf(1)).toBeCloseTo(250, 9);
    expect(speedIf(1 / 900)).toBeGreaterThan(850);
    expect(speedIf(1 / 900)).toBeLessThan(950);
    expect(speedIf(0)).toBeCloseTo(4_000, 9);
  });

  it('does not grow with fewer requests: a step that gets shorter with more of them is noise', () => {
    const noisy = speedOfProfile(0.03, { requests: 10, stepSeconds: 0.01 }, 1_000);
    const meanSeconds = (0.03 + 0.01 + 0.01) / 3;
    expect(speedAt(noisy, 1)).toBeCloseTo(1 / meanSeconds, 9);
    expect(speedAt(noisy, 20)).toBeCloseTo(20 / meanSeconds, 9);
  });

  it('counts less than one request as one, and has no step without any duration', () => {
    expect(speedAt(fit, 0)).toBe(speedAt(fit, 1));
    // The line through (5 requests, 0.01 s) and (10, 1 s) is below 0 at one request.
    let steep = speedOfProfile(0.01, { requests: 10, stepSeconds: 1 }, 1_000);
    for (let turn = 0; turn < 3_000; turn++) {
      const [requests, seconds] = turn % 2 === 0 ? [5, 0.01] : [10, 1];
      steep = learnSpeed(steep, { tokens: requests, promptTokens: 0, copySeconds: seconds, requestsPerCopy: requests });
    }
    expect(speedAt(steep, 1)).toBeCloseTo(100 / (steep.seconds / steep.weight), 9);
  });
});

describe('the reasons and the window of scaling', () => {
  const scaling = {
    ...defaultScaling,
    minCopies: 1,
    maxCopies: 4,
    targetUtilization: 1,
    maxPressure: 1,
    scaleInAfterSeconds: 100,
  };
  const decide = (copies: number, current: number, changes: { history?: never; now?: number; load?: object } = {}) =>
    scalingDecision(
      { ...noDemand, tokensPerSecond: copies * 100 },
      { ...emptyLoad, copies: current, ...changes.load },
      capacity,
      scaling,
      changes.history,
      changes.now ?? 0,
    );
  const quiet = { since: 0, peaks: [] };

  it.each([
    ['demand adds', decide(3, 1), 'A demand of 300 tokens/s needs 3 copies: adding 2 to the current 1.'],
    ['one copy', decide(1.0, 0), 'The minimum of 1 copy is enough: adding 1 to the current 0.'],
    ['the maximum', decide(9, 2), 'The maximum of 4 copies is not enough: adding 2 to the current 2.'],
    [
      'the cache',
      decide(0, 1, { load: { requests: 3, promptTokens: 0, reservedTokens: 365_000.4 } }),
      '3 requests with 365000 reserved tokens need 3 copies: adding 2 to the current 1.',
    ],
    [
      'the window',
      decide(2, 3),
      'A demand of 200 tokens/s needs 2 copies, but more were needed within the last 100 s: keeping 3.',
    ],
    ['no change', decide(2, 2), 'A demand of 200 tokens/s needs 2 copies: keeping 2.'],
    [
      'scale-in',
      decide(2, 3, { history: quiet as never, now: 100 }),
      'A demand of 200 tokens/s needs 2 copies, and no more were needed for 100 s: removing 1 of 3.',
    ],
  ])('%s has a sentence', (_name, decision, reason) => {
    expect(decision.reason).toBe(reason);
  });

  it('removes copies exactly when the window is full, and not below its largest need', () => {
    const history = { since: 1_000, peaks: [{ at: 1_050, copies: 3 }] } as never;
    expect(decide(2, 4, { history, now: 1_099 })).toMatchObject({ copies: 4, spare: 0 });
    expect(decide(2, 4, { history, now: 1_100 })).toMatchObject({ copies: 3, spare: 1 });
    expect(decide(2, 4, { history, now: 1_149 })).toMatchObject({ copies: 3 });
    expect(decide(2, 4, { history, now: 1_150 })).toMatchObject({ copies: 2, spare: 2, missing: 0 });
  });

  it('begins its history with the first need', () => {
    expect(decide(2, 2, { now: 7 }).history).toEqual({ since: 7, peaks: [{ at: 7, copies: 2 }] });
  });
});
