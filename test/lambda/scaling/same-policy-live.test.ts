import { beforeEach, describe, expect, it, vi } from 'vitest';
import { admission } from '../../../lambda/policy/admission.ts';
import { elasticGrant, isOverGrant } from '../../../lambda/policy/elastic-grant.ts';
import { scalingDecision } from '../../../lambda/policy/scaling-decision.ts';
import { loadWorld, request } from './load-world.ts';

// As test/simulate/same-policy.test.ts does for the simulator: what a policy says is what happens.
vi.mock('../../../lambda/policy/elastic-grant.ts', { spy: true });
vi.mock('../../../lambda/policy/admission.ts', { spy: true });
vi.mock('../../../lambda/policy/scaling-decision.ts', { spy: true });

describe('Live requests and metrics follow the policies of lambda/policy', () => {
  beforeEach(() => {
    vi.mocked(elasticGrant).mockReset();
    vi.mocked(admission).mockReset();
    vi.mocked(scalingDecision).mockReset();
    vi.mocked(isOverGrant).mockReset();
  });

  it('for budgets', async () => {
    vi.mocked(elasticGrant).mockReturnValue(123);
    expect((await loadWorld(1).autoscaler.gate.admit(request('a'))).report.granted).toBe(123);
  });

  it('for admission', async () => {
    const because = 'endpoint_full';
    vi.mocked(admission).mockReturnValue({ kind: 'refuse', status: 503, retryAfterSeconds: 77, because });
    await expect(loadWorld(1).autoscaler.gate.admit(request('a'))).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '77' },
    });
  });

  it('for thoughts under way', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const cutOf = async (over: boolean) => {
      vi.mocked(isOverGrant).mockReturnValue(over);
      const { autoscaler, clock } = loadWorld(1);
      const { admitted } = await autoscaler.gate.admit(request('a'));
      admitted.count(0, { thinking: 60, answer: 0 });
      admitted.begin();
      for (let looks = 0; looks < 4; looks++) {
        clock.now += 3;
        await vi.advanceTimersByTimeAsync(3_000);
      }
      return admitted.cutOf(0)?.aborted;
    };
    expect([await cutOf(false), await cutOf(true)]).toEqual([false, true]);
    vi.useRealTimers();
  });

  it('for the metrics that scale the copies', async () => {
    vi.mocked(scalingDecision).mockReturnValue({
      copies: 3,
      desiredNow: { copies: 3, because: 'demand' },
      missing: 2,
      spare: 0,
      reason: '',
      history: { since: 0, peaks: [] },
    });
    const { autoscaler, lines } = loadWorld(1);
    await autoscaler.scaling.tick();
    expect(lines[0]).toMatchObject({ MissingCopies: 2, SpareCopies: 0, WantedCopies: 3 });
  });
});
