import { beforeEach, describe, expect, it, vi } from 'vitest';
import { admission } from '../../lambda/policy/admission.ts';
import { defaultScaling } from '../../lambda/policy/desired-copies.ts';
import { elasticGrant, isOverGrant } from '../../lambda/policy/elastic-grant.ts';
import { scalingDecision } from '../../lambda/policy/scaling-decision.ts';
import { elasticGate } from '../../simulate/engine/gate.ts';
import { simulate } from '../../simulate/engine/simulate.ts';
import { CommittedScaling } from '../../simulate/scaling/committed-scaling.ts';
import { ListedTraffic, simulation, tightProfile } from './worlds.ts';

// Spies call the real functions unless a test overrides their result.
vi.mock('../../lambda/policy/elastic-grant.ts', { spy: true });
vi.mock('../../lambda/policy/admission.ts', { spy: true });
vi.mock('../../lambda/policy/scaling-decision.ts', { spy: true });

const run = (secondsBetween = 10) =>
  simulate(
    simulation({
      profile: tightProfile,
      gate: elasticGate,
      traffic: new ListedTraffic(
        Array.from({ length: 50 }, (_, index) => ({
          at: index * secondsBetween,
          naturalThinkingTokens: 900,
          maxThinkingTokens: 1_000,
          elastic: true,
          floorTokens: 10,
        })),
      ),
      scaler: new CommittedScaling({ ...defaultScaling, maxCopies: 3 }),
    }),
  );

describe('The simulator follows lambda/policy', () => {
  beforeEach(() => {
    vi.mocked(elasticGrant).mockReset();
    vi.mocked(admission).mockReset();
    vi.mocked(scalingDecision).mockReset();
    vi.mocked(isOverGrant).mockReset();
  });

  it('a simulated request is granted what elasticGrant returns', () => {
    vi.mocked(elasticGrant).mockReturnValue(123);
    const { thinking, completed } = run();
    expect(thinking.granted).toBe(123 * completed);
  });

  it('a simulated request is refused if admission refuses it', () => {
    vi.mocked(admission).mockReturnValue({
      kind: 'refuse',
      status: 503,
      retryAfterSeconds: 1,
      because: 'endpoint_full',
    });
    expect(run()).toMatchObject({ refused: 50, completed: 0 });
  });

  it('a simulated thought is cut if isOverGrant returns true', () => {
    vi.mocked(elasticGrant).mockReturnValue(1_000);
    vi.mocked(isOverGrant).mockReturnValue(false);
    const whole = run(0.2);
    expect(whole.thinking.shortened).toBe(0);
    vi.mocked(isOverGrant).mockReturnValue(true);
    const cut = run(0.2);
    expect(cut.thinking.shortened).toBeGreaterThan(0);
    expect(cut.thinking.done).toBeLessThan(whole.thinking.done);
  });

  it('simulated copies follow scalingDecision', () => {
    vi.mocked(scalingDecision).mockReturnValue(scalingDecisionOf(2));
    expect(run().copies.most).toBe(3);
    expect(scalingDecision).toHaveBeenCalled();
  });
});

function scalingDecisionOf(missing: number): ReturnType<typeof scalingDecision> {
  return {
    copies: 3,
    desiredNow: { copies: 3, because: 'demand' },
    missing,
    spare: 0,
    reason: '',
    history: { since: 0, peaks: [] },
  };
}
