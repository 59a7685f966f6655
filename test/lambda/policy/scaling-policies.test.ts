import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ScalingPolicy } from '../../../lambda/policy/scaling-decision.ts';

const registry = new URL('../../../lambda/policy/scaling-policies.ts', import.meta.url).pathname;

/** A policy as a contributor would add it: always five copies. */
const five: ScalingPolicy = (_demand, load, _capacity, _settings, _history, now) => ({
  copies: 5,
  desiredNow: { copies: 5, because: 'demand' },
  missing: Math.max(0, 5 - load.copies - load.startingCopies),
  spare: Math.max(0, load.copies + load.startingCopies - 5),
  reason: 'Five copies.',
  history: { since: now, peaks: [] },
});

beforeEach(() => {
  vi.resetModules();
  vi.doMock(registry, async (original) => {
    const registered = await original<typeof import('../../../lambda/policy/scaling-policies.ts')>();
    return {
      ...registered,
      scalingPolicyNames: [...registered.scalingPolicyNames, 'five'],
      scalingPolicies: { ...registered.scalingPolicies, five },
    };
  });
});
afterEach(() => {
  vi.doUnmock(registry);
});

describe('A registered scaling policy', () => {
  it('a registered scaling policy decides live if the settings name it', async () => {
    const { loadWorld, smallCopies } = await import('../scaling/load-world.ts');
    const { policySchema } = await import('../../../lambda/settings/policy-settings.ts');
    const metricsWith = async (policy: object) => {
      const { autoscaler, lines } = loadWorld(1, { settings: { ...smallCopies, policy: policySchema.parse(policy) } });
      await autoscaler.scaling.tick(0);
      return lines[0];
    };
    expect(await metricsWith({ scaling_policy: 'five' })).toMatchObject({ WantedCopies: 5, MissingCopies: 4 });
    expect(await metricsWith({})).toMatchObject({ WantedCopies: 0, MissingCopies: 0 });
  });

  it('a registered scaling policy moves the copies of a simulation if --policies names it', async () => {
    const { parsePolicies } = await import('../../../simulate/policies.ts');
    const { defaultScaling } = await import('../../../lambda/policy/desired-copies.ts');
    const { simulate } = await import('../../../simulate/engine/simulate.ts');
    const { CommittedScaling } = await import('../../../simulate/scaling/committed-scaling.ts');
    const { ListedTraffic, simulation } = await import('../../simulate/worlds.ts');
    const mostCopies = (list: string) =>
      simulate(
        simulation({
          traffic: new ListedTraffic([0, 300].map((at) => ({ at, naturalThinkingTokens: 10, maxThinkingTokens: 10 }))),
          scaler: new CommittedScaling(defaultScaling, parsePolicies(list)[0]?.scalingPolicy),
        }),
      ).copies.most;
    expect(mostCopies('elastic@five')).toBe(5);
    expect(mostCopies('elastic')).toBe(1);
  });

  it('an unknown scaling policy is refused with the names of those that exist', async () => {
    const { parsePolicies } = await import('../../../simulate/policies.ts');
    const { policySchema } = await import('../../../lambda/settings/policy-settings.ts');
    expect(() => parsePolicies('elastic@six')).toThrow(/"elastic@six".*a scaling policy: demand, five\./);
    expect(() => parsePolicies('fixed@five:3')).toThrow(/only after committed or elastic/);
    expect(() => policySchema.parse({ scaling_policy: 'six' })).toThrow(/demand.*five/);
  });
});
