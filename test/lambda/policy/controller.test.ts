import { describe, expect, it } from 'vitest';
import { defaultAdmission } from '../../../lambda/policy/admission.ts';
import { noPrompts } from '../../../lambda/policy/cached-prompts.ts';
import {
  type ControllerState,
  capacityOf,
  decideRequest,
  newControllerState,
  type Observation,
  step,
} from '../../../lambda/policy/controller.ts';
import { noDemand } from '../../../lambda/policy/demand.ts';
import { defaultScaling } from '../../../lambda/policy/desired-copies.ts';
import { defaultElastic, evenShare, unevenness } from '../../../lambda/policy/elastic-grant.ts';
import { unknownUse } from '../../../lambda/policy/expected-use.ts';
import { emptyLoad } from '../../../lambda/policy/load.ts';
import { learnSpeed, promptSpeed, speedAt } from '../../../lambda/policy/measured-speed.ts';
import { noSizes } from '../../../lambda/policy/request-sizes.ts';

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
