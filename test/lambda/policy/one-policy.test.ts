import { afterEach, describe, expect, it, vi } from 'vitest';

const policy = (file: string) => new URL(`../../../lambda/policy/${file}`, import.meta.url).pathname;

afterEach(() => {
  vi.doUnmock(policy('elastic-grant.ts'));
  vi.doUnmock(policy('admission.ts'));
  vi.doUnmock(policy('desired-copies.ts'));
  vi.doUnmock(policy('load.ts'));
  vi.doUnmock(policy('expected-use.ts'));
  vi.doUnmock(policy('demand.ts'));
  vi.doUnmock(policy('copy-steps.ts'));
});

/** Grants, refusals and copies for the same load, live and simulated, with freshly loaded modules. */
async function outcomes() {
  vi.resetModules();
  const { loadWorld, request, smallCopies } = await import('../scaling/load-world.ts');
  const { elasticGate } = await import('../../../simulate/engine/gate.ts');
  const { simulate } = await import('../../../simulate/engine/simulate.ts');
  const { CommittedScaling } = await import('../../../simulate/scaling/committed-scaling.ts');
  const { ListedTraffic, plainProfile, simulation } = await import('../../simulate/worlds.ts');
  const { CopyFleet } = await import('../../../local/endpoint/copy-fleet.ts');
  const { LocalAutoScaling, notSuspended } = await import('../../../local/endpoint/local-auto-scaling.ts');
  const { policyInForce } = await import('../../../lambda/settings/policy-settings.ts');
  const { newControllerState, step } = await import('../../../lambda/policy/controller.ts');
  const { defaultAdmission } = await import('../../../lambda/policy/admission.ts');

  // The caches of these copies are full before their places are taken.
  const settings = { ...smallCopies, maxCopies: 30, maxRequests: 64 };
  const profile = {
    ...plainProfile,
    speed: { ...plainProfile.speed, cacheTokens: settings.cacheTokens, maxSequences: settings.maxRequests },
  };
  /** All requests arrive within one step of the model, before any of them ends or is cut. */
  const simulated = (requests: number, elastic: boolean, gate = elasticGate) =>
    simulate(
      simulation({
        profile,
        gate,
        traffic: new ListedTraffic(
          Array.from({ length: requests }, (_, index) => ({
            at: index / 10_000,
            promptTokens: 100,
            naturalThinkingTokens: 10,
            maxThinkingTokens: 800,
            answerTokens: 1,
            maxAnswerTokens: 100,
            floorTokens: 50,
            elastic,
          })),
        ),
      }),
    );

  const grantedLive: number[] = [];
  const { autoscaler } = loadWorld(1, { settings });
  for (let index = 0; index < 6; index++) {
    grantedLive.push((await autoscaler.gate.admit(request(`r${index}`))).report.granted);
  }
  const sums = [1, 2, 3, 4, 5, 6].map((requests) => simulated(requests, true).thinking.granted);
  const grantedSimulated = sums.map((sum, index) => sum - (sums[index - 1] ?? 0));

  let refusedLive = 0;
  const full = loadWorld(1, { settings: { ...settings, policy: { max_queue_seconds: 0 } } });
  for (let index = 0; index < 12; index++) {
    await full.autoscaler.gate.admit(request(`r${index}`, { elastic: false })).catch(() => refusedLive++);
  }
  const refusedSimulated = simulated(12, false, { admission: { ...defaultAdmission, maxQueueSeconds: 0 } }).refused;

  const busy = loadWorld(1, { settings });
  for (let index = 0; index < 9; index++) await busy.autoscaler.gate.admit(request(`r${index}`, { elastic: false }));
  busy.clock.now += 10;
  await busy.autoscaler.scaling.tick();
  const line = busy.lines.at(-1);
  if (line === undefined) throw new Error('no metrics');
  const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 4 });
  new LocalAutoScaling(fleet, { min: 0, max: 30, suspended: notSuspended }, () => 0).observe(line);
  const snapshot = await busy.autoscaler.scaling.snapshot();
  const policy = policyInForce(settings);
  const scaler = new CommittedScaling(policy.scaling);
  let state = newControllerState(settings);
  const observed = [10, 20, 30, 40].map((now) => {
    const arrived = Array.from({ length: now === 10 ? 9 : 0 }, () => ({
      promptTokens: 100,
      limitTokens: 900,
      minTokens: 0,
    }));
    const { load } = snapshot;
    const stepped = step(state, { now, seconds: 10, arrived, ended: [], load, usedTokens: 0 }, settings, policy);
    state = stepped.state;
    return scaler.observe({ ...stepped, now, load, arrivals: arrived.length });
  });
  return {
    granted: { live: grantedLive, simulated: grantedSimulated },
    refused: { live: refusedLive, simulated: refusedSimulated },
    copies: { live: fleet.desired, simulated: observed.find((copies) => copies !== undefined) },
  };
}

type Outcomes = Awaited<ReturnType<typeof outcomes>>;

/** A change of each number and rule at its single definition, and the outcome that must change. */
const changes: readonly (readonly [string, keyof Outcomes, string, (original: object) => object])[] = [
  [
    'elastic budgets shrink earlier',
    'granted',
    policy('elastic-grant.ts'),
    (original) => ({ ...original, defaultElastic: { shrinkFrom: 0.1, shrinkTo: 0.6 } }),
  ],
  [
    'every grant is halved',
    'granted',
    policy('elastic-grant.ts'),
    ({ elasticGrant, ...original }: { elasticGrant?: (...values: unknown[]) => number }) => ({
      ...original,
      elasticGrant: (...values: unknown[]) => Math.floor((elasticGrant?.(...values) ?? 0) / 2),
    }),
  ],
  [
    'an endpoint is full at a higher pressure',
    'refused',
    policy('admission.ts'),
    (original) => ({ ...original, defaultAdmission: { fullAt: 2.4, maxQueueSeconds: 120 } }),
  ],
  [
    'copies have a lower maximum pressure',
    'copies',
    policy('desired-copies.ts'),
    ({ defaultScaling, ...original }: { defaultScaling?: object }) => ({
      ...original,
      defaultScaling: { ...defaultScaling, maxPressure: 0.5 },
    }),
  ],
  [
    'pressure is doubled',
    'granted',
    policy('load.ts'),
    ({ pressureOf, ...original }: { pressureOf?: (...values: unknown[]) => number }) => ({
      ...original,
      pressureOf: (...values: unknown[]) => 2 * (pressureOf?.(...values) ?? 0),
    }),
  ],
  [
    'the expected use is half of each limit',
    'granted',
    policy('expected-use.ts'),
    ({ unknownUse, ...original }: { unknownUse?: () => readonly number[] }) => ({
      ...original,
      unknownUse: () => (unknownUse?.() ?? []).map(() => 0.5),
    }),
  ],
  [
    'demand is multiplied by fifty',
    'copies',
    policy('demand.ts'),
    ({ measureDemand, ...original }: { measureDemand?: (...values: unknown[]) => { tokensPerSecond: number } }) => ({
      ...original,
      measureDemand: (...values: unknown[]) => {
        const measured = measureDemand?.(...values) ?? { tokensPerSecond: 0 };
        return { ...measured, tokensPerSecond: 50 * measured.tokensPerSecond };
      },
    }),
  ],
  [
    'a step adds two copies for each missing one',
    'copies',
    policy('copy-steps.ts'),
    ({ changeOf, ...original }: { changeOf?: (...values: unknown[]) => number }) => ({
      ...original,
      changeOf: (...values: unknown[]) => 2 * (changeOf?.(...values) ?? 0),
    }),
  ],
];

describe('One policy, live and simulated', () => {
  it('live requests and the simulator grant, refuse and scale equally for the same load', async () => {
    const { granted, refused, copies } = await outcomes();
    expect(granted.live).toEqual(granted.simulated);
    expect(granted.live.at(-1)).toBeLessThan(400);
    expect(refused.live).toBe(refused.simulated);
    expect(refused.live).toBeGreaterThan(0);
    expect(copies.live).toBe(copies.simulated);
    expect(copies.live).toBeGreaterThan(1);
  });

  // A duplicate of a number or rule on either side would not change, and the two sides would disagree.
  it.each(changes)(
    'a change at one place changes both live and simulated outcomes: %s',
    async (_, outcome, file, change) => {
      const before = await outcomes();
      vi.doMock(file, async (original) => change(await original<object>()));
      const after = await outcomes();
      expect(after[outcome].live).not.toEqual(before[outcome].live);
      for (const { live, simulated } of Object.values(after)) expect(live).toEqual(simulated);
    },
  );
});
