import { describe, expect, it } from 'vitest';
import { defaultAdmission } from '../../lambda/policy/admission.ts';
import { newControllerState, step } from '../../lambda/policy/controller.ts';
import { measureDemand, noDemand } from '../../lambda/policy/demand.ts';
import { defaultScaling } from '../../lambda/policy/desired-copies.ts';
import { emptyLoad } from '../../lambda/policy/load.ts';
import { type DesiredHistory, scalingDecision } from '../../lambda/policy/scaling-decision.ts';
import { defaultScalingPolicy } from '../../lambda/policy/scaling-policies.ts';
import { compare } from '../../simulate/compare.ts';
import { PolicyMaker, parsePolicies } from '../../simulate/policies.ts';
import { s1OnP5 } from '../../simulate/profile.ts';
import { CommittedScaling } from '../../simulate/scaling/committed-scaling.ts';
import type { Observation } from '../../simulate/scaling/scaler.ts';
import { defaultTargetTracking, TargetTracking } from '../../simulate/scaling/target-tracking.ts';
import { defaultRouting, traceScenario } from '../../simulate/scenario.ts';
import { defaultMix } from '../../simulate/traffic/thinking.ts';
import { builtInTrace, noBursts, traceNames } from '../../simulate/traffic/trace.ts';

const capacity = {
  cacheTokens: 100_000,
  maxRequests: 256,
  tokensPerSecond: 2_000,
  promptTokensPerSecond: 20_000,
  requestTokens: 0,
};
const observation = (now: number, part: Partial<Observation> = {}, copies = 2): Observation => ({
  now,
  load: { ...emptyLoad, copies },
  capacity,
  arrivals: 0,
  arrivedCopies: 0,
  decision: { missing: 0, spare: 0 },
  ...part,
});
const bounds = { minCopies: 1, maxCopies: 20 };

/** Actions of a scaler with their times, for an observation every 10 seconds. */
function actions(
  scaler: { observe(observation: Observation): number | undefined },
  seconds: number,
  at: (now: number, copies: number) => Observation,
  copies = 2,
) {
  const found: { readonly at: number; readonly copies: number }[] = [];
  let current = copies;
  for (let now = 10; now <= seconds; now += 10) {
    const desired = scaler.observe(at(now, current));
    if (desired === undefined || desired === current) continue;
    found.push({ at: now, copies: desired });
    current = desired;
  }
  return found;
}

describe('Target tracking', () => {
  const inFlight = (requests: number) => (now: number, copies: number) =>
    observation(now, { load: { ...emptyLoad, copies, requests } }, copies);

  it('target tracking adds copies proportionally after three high data points and the delay of the metric', () => {
    const scaler = new TargetTracking(defaultTargetTracking('concurrency', 5, bounds));
    expect(actions(scaler, 300, inFlight(40))).toEqual([{ at: 50, copies: 8 }]);
  });

  it('target tracking does nothing at its target and within a tenth below it', () => {
    const scaler = new TargetTracking(defaultTargetTracking('concurrency', 5, bounds));
    expect(actions(scaler, 3_600, inFlight(10))).toEqual([]);
    expect(actions(scaler, 3_600, inFlight(9.2))).toEqual([]);
  });

  it('target tracking removes a quarter of the copies every 300 seconds after 90 low data points', () => {
    const scaler = new TargetTracking(defaultTargetTracking('concurrency', 5, bounds));
    const found = actions(scaler, 2_000, inFlight(0), 16);
    expect(found.slice(0, 3)).toEqual([
      { at: 920, copies: 12 },
      { at: 1_220, copies: 9 },
      { at: 1_520, copies: 7 },
    ]);
  });

  it('target tracking on invocations evaluates whole minutes', () => {
    const scaler = new TargetTracking(defaultTargetTracking('invocations', 60, bounds));
    const found = actions(scaler, 300, (now, copies) => observation(now, { arrivals: 60 }, copies));
    expect(found).toEqual([{ at: 200, copies: 6 }]);
  });
});

describe('Committed scaling', () => {
  const settings = { ...defaultScaling, ...bounds, smoothingSeconds: 60 };
  const policy = { scalingPolicy: defaultScalingPolicy, admission: defaultAdmission };
  /** Observations with the controller's decisions for a constant demand, in tokens per sample. */
  const asked = (tokens: number, scaling = settings) => {
    let state = newControllerState({ stepSeconds: 0.1, fullRequests: 200, fullStepSeconds: 0.1 });
    return (now: number, copies: number) => {
      const { load } = observation(now, {}, copies);
      const arrived = [{ promptTokens: 0, limitTokens: tokens, minTokens: 0 }];
      const seen = { now, seconds: 10, arrived, ended: [], load, usedTokens: 0 };
      const stepped = step(state, seen, capacity, { ...policy, scaling });
      state = stepped.state;
      return observation(now, stepped, copies);
    };
  };

  it('committed scaling follows the policy after the delay of the metric', () => {
    let demand = noDemand;
    let history: DesiredHistory | undefined;
    const first = (() => {
      for (let now = 10; ; now += 10) {
        demand = measureDemand(demand, { promptTokens: 0, outputTokens: 80_000, seconds: 10 }, noDemand.held, 60);
        const decision = scalingDecision(demand, { ...emptyLoad, copies: 2 }, capacity, settings, history, now);
        history = decision.history;
        if (decision.missing > 0) return { at: now + 20, copies: 2 + decision.missing };
      }
    })();
    expect(actions(new CommittedScaling(settings), 600, asked(80_000))[0]).toEqual(first);
  });

  it('committed scaling acts at most once a minute while its alarm persists', () => {
    const times = actions(new CommittedScaling(settings), 900, asked(200_000)).map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(times.length).toBeGreaterThan(1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(60);
  });

  it('committed scaling removes copies after the scale-in window', () => {
    const patient = { ...settings, scaleInAfterSeconds: 600 };
    const found = actions(new CommittedScaling(patient), 2_000, asked(0, patient), 8);
    expect(found).toEqual([{ at: 630, copies: 1 }]);
  });
});

describe('A comparison', () => {
  const scenario = traceScenario(builtInTrace('code'), noBursts, 2, {
    mix: defaultMix,
    profile: s1OnP5(),
    routing: defaultRouting,
    objective: { seconds: 1, secondsPerPromptToken: 0 },
    minCopies: 1,
    maxCopies: 32,
    seed: 1,
  });
  const objective = { refusedPart: 0.001, thinkingPart: 0 };
  const comparison = compare(
    scenario,
    parsePolicies('aws-concurrency,committed,elastic,oracle,fixed:32,fixed'),
    objective,
    ['committed'],
  );
  const named = (name: string) => {
    const found = comparison.results.find(({ policy }) => policy === name);
    if (found === undefined) throw new Error(`There is no ${name}.`);
    return found.outcome;
  };

  it('every policy of a comparison gets the same requests', () => {
    const counts = comparison.results.map(({ outcome }) => outcome.requests);
    expect(new Set(counts).size).toBe(1);
    expect(counts[0]).toBe(8_819);
  });

  it('the lower bounds of a comparison are below the policies', () => {
    expect(comparison.boundGpuHours).toBeLessThan(named('oracle').gpuHours);
    expect(named('oracle').gpuHours).toBeLessThanOrEqual(named('committed').gpuHours);
    expect(named('oracle').firstToken.p95).toBeLessThanOrEqual(1);
  });

  it('a fixed fleet is billed for the whole time', () => {
    const hours = scenario.warmUpSeconds / 3_600;
    expect(named('fixed:32').gpuHours).toBeCloseTo(8 * 8 * hours, 3);
    expect(named('fixed:32').dollars).toBeCloseTo(8 * 63 * hours, 3);
  });

  it('without a number of copies, the cheapest fixed fleet that meets the objective is chosen', () => {
    const cheapest = comparison.results.at(-1);
    expect(cheapest?.policy).toMatch(/^fixed:(4|8|12|16|20|24|28)$/);
    expect(cheapest?.outcome.firstToken.p95).toBeLessThanOrEqual(1);
    expect(named('oracle').gpuHours).toBeLessThanOrEqual(cheapest?.outcome.gpuHours ?? 0);
  });

  it('the search finds the cheapest setting that meets the objective', () => {
    const [{ result } = { result: undefined }] = comparison.cheapest;
    expect(result?.outcome.firstToken.p95).toBeLessThanOrEqual(1);
    expect(result?.outcome.gpuHours).toBeLessThanOrEqual(named('committed').gpuHours);
  });

  it("AWS's targets come from a load test and a safety factor of one half", () => {
    const maker = new PolicyMaker(scenario);
    expect(maker.loadTest.maxConcurrency).toBeGreaterThan(10);
    expect(maker.make({ kind: 'aws-concurrency', value: undefined }).settings).toBe(
      `${(maker.loadTest.maxConcurrency / 2).toFixed(1)} requests in flight a copy`,
    );
  });
});

describe('The claims of docs/scaling.md about elastic budgets', () => {
  const cases = traceNames.flatMap((name) => [1, 3].map((factor) => ({ name, factor })));

  it.each(cases)(
    'elastic budgets save GPU hours as documented: $name with bursts of $factor×',
    { timeout: 60_000 },
    ({ name, factor }) => {
      const scenario = traceScenario(builtInTrace(name), { ...noBursts, factor }, 4, {
        mix: defaultMix,
        profile: s1OnP5(),
        routing: defaultRouting,
        objective: { seconds: 1, secondsPerPromptToken: 0 },
        minCopies: 1,
        maxCopies: 64,
        seed: 1,
      });
      const objective = { refusedPart: 0, thinkingPart: 0 };
      const { results } = compare(scenario, parsePolicies('aws-concurrency,elastic'), objective, []);
      const [aws, elastic] = results.map(({ outcome }) => outcome);
      if (aws === undefined || elastic === undefined) throw new Error('The comparison must have two results.');
      expect(elastic.gpuHours).toBeLessThan(0.7 * aws.gpuHours);
      expect(elastic.firstToken.p95).toBeLessThan(1.06 * aws.firstToken.p95);
      expect(elastic.thinking.done).toBeGreaterThan(0.9 * elastic.thinking.natural);
      expect(elastic.refused).toBe(0);
    },
  );
});
