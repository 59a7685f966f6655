import { beforeEach, describe, expect, it, vi } from 'vitest';
import { admission } from '../../../lambda/policy/admission.ts';
import { elasticGrant, isOverGrant } from '../../../lambda/policy/elastic-grant.ts';
import { scalingDecision } from '../../../lambda/policy/scaling-decision.ts';
import { loadWorld, request } from './load-world.ts';

// The counterpart for the simulator is test/simulate/same-policy.test.ts.
vi.mock('../../../lambda/policy/elastic-grant.ts', { spy: true });
vi.mock('../../../lambda/policy/admission.ts', { spy: true });
vi.mock('../../../lambda/policy/scaling-decision.ts', { spy: true });

describe('The live path follows lambda/policy', () => {
  beforeEach(() => {
    vi.mocked(elasticGrant).mockReset();
    vi.mocked(admission).mockReset();
    vi.mocked(scalingDecision).mockReset();
    vi.mocked(isOverGrant).mockReset();
  });

  it('a live request is granted what elasticGrant returns', async () => {
    vi.mocked(elasticGrant).mockReturnValue(123);
    expect((await loadWorld(1).autoscaler.gate.admit(request('a'))).report.granted).toBe(123);
  });

  it('a live request is refused if admission refuses it', async () => {
    const because = 'endpoint_full';
    vi.mocked(admission).mockReturnValue({ kind: 'refuse', status: 503, retryAfterSeconds: 77, because });
    await expect(loadWorld(1).autoscaler.gate.admit(request('a'))).rejects.toMatchObject({
      status: 503,
      headers: { 'retry-after': '77' },
    });
  });

  it('a live thought is cut if isOverGrant returns true', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const cutOf = async (over: boolean) => {
      vi.mocked(isOverGrant).mockReturnValue(over);
      const { autoscaler, clock } = loadWorld(1);
      const { admitted } = await autoscaler.gate.admit(request('a'));
      admitted.count(0, { thinking: 60, answer: 0 });
      admitted.begin();
      for (let snapshots = 0; snapshots < 4; snapshots++) {
        clock.now += 3;
        await vi.advanceTimersByTimeAsync(3_000);
      }
      return admitted.cutOf(0)?.aborted;
    };
    expect([await cutOf(false), await cutOf(true)]).toEqual([false, true]);
    vi.useRealTimers();
  });

  it('live scaling metrics are those of scalingDecision', async () => {
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
