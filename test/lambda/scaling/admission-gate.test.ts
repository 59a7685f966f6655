import { describe, expect, it } from 'vitest';
import { CopiesUnavailableError } from '../../../lambda/scaling/copy-control.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

describe('Elastic budgets', () => {
  it('elastic grants fall from the maximum towards the floor as the endpoint fills', async () => {
    const { autoscaler } = loadWorld(1);
    const grants: number[] = [];
    for (let index = 0; index < 8; index++) {
      grants.push((await autoscaler.gate.admit(request(`r${index}`)).catch(() => undefined))?.report.granted ?? -1);
    }
    const admitted = grants.filter((granted) => granted >= 0);
    expect(admitted[0]).toBe(800);
    expect(admitted).toEqual(admitted.toSorted((a, b) => b - a));
    expect(admitted.at(-1)).toBeLessThan(400);
    expect(Math.min(...admitted)).toBeGreaterThanOrEqual(50);
  });

  it('concurrent requests see each other', async () => {
    const { autoscaler } = loadWorld(1);
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => autoscaler.gate.admit(request(`r${index}`))),
    );
    const granted = all.flatMap((result) => (result.status === 'fulfilled' ? [result.value.report.granted] : []));
    expect(new Set(granted).size).toBeGreaterThan(2);
  });

  it('a request that is not elastic keeps its maximum', async () => {
    const { autoscaler } = loadWorld(1);
    for (let index = 0; index < 5; index++) await autoscaler.gate.admit(request(`r${index}`));
    const { report } = await autoscaler.gate.admit(request('stiff', { elastic: undefined }));
    expect(report).toMatchObject({ elastic: false, granted: 800, setBy: 'request' });
  });

  it('the config enables elastic budgets for all requests, or for none', async () => {
    const always = loadWorld(1, { settings: { ...smallCopies, elastic: 'always' } });
    expect((await always.autoscaler.gate.admit(request('a', { elastic: undefined }))).report.elastic).toBe(true);
    expect((await always.autoscaler.gate.admit(request('b', { elastic: false }))).report.elastic).toBe(false);
    const never = loadWorld(1, { settings: { ...smallCopies, elastic: 'never' } });
    expect((await never.autoscaler.gate.admit(request('c'))).report.elastic).toBe(false);
  });

  it('the end of a request frees its reservation', async () => {
    const { autoscaler, clock } = loadWorld(1);
    const before = [];
    for (let index = 0; index < 5; index++) before.push(await autoscaler.gate.admit(request(`r${index}`)));
    for (const { admitted } of before) await admitted.end();
    clock.now += 1;
    expect((await autoscaler.gate.admit(request('next'))).report.granted).toBe(800);
  });

  it('the death of a function frees its reservations', async () => {
    const { autoscaler, clock } = loadWorld(1);
    for (let index = 0; index < 5; index++) await autoscaler.gate.admit(request(`r${index}`));
    clock.now += 60;
    expect((await autoscaler.gate.admit(request('next'))).report.granted).toBe(800);
  });
});

describe('Admission', () => {
  const stiff = (id: string, key = 'key_a') => request(id, { elastic: false, key });

  it('a request that would wait too long is refused with Retry-After', async () => {
    const settings = { ...smallCopies, policy: { max_queue_seconds: 0 } };
    const { autoscaler } = loadWorld(1, { settings });
    let refused: unknown;
    for (let index = 0; index < 12 && refused === undefined; index++) {
      await autoscaler.gate.admit(stiff(`r${index}`)).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(refused).toMatchObject({ status: 503, code: 'endpoint_full' });
    expect(refused).toHaveProperty('headers.retry-after', expect.stringMatching(/^[1-9]\d*$/));
  });

  it('an admission reports the expected wait', async () => {
    const { autoscaler } = loadWorld(1);
    const waits: number[] = [];
    for (let index = 0; index < 10; index++) {
      waits.push((await autoscaler.gate.admit(stiff(`r${index}`))).report.expectedWaitSeconds);
    }
    expect(waits[0]).toBe(0);
    expect(waits.at(-1)).toBeGreaterThan(0);
  });

  it('a key that holds more than its share is refused with 429 and its own code', async () => {
    const settings = { ...smallCopies, policy: { max_queue_seconds: 0 } };
    const { autoscaler } = loadWorld(1, { settings });
    await autoscaler.gate.admit(stiff('other', 'key_b'));
    const statuses: unknown[] = [];
    for (let index = 0; index < 9; index++) {
      await autoscaler.gate.admit(stiff(`r${index}`)).catch((error: unknown) => statuses.push(error));
    }
    expect(statuses[0]).toMatchObject({ status: 429, code: 'key_over_its_part' });
  });
});

describe('Zero copies', () => {
  it('concurrent requests wake the endpoint once and report the expected start', async () => {
    const { autoscaler, control } = loadWorld(0);
    const first = await autoscaler.gate.admit(request('a'));
    const second = await autoscaler.gate.admit(request('b'));
    expect(control.asked).toEqual([1]);
    expect(first.report).toMatchObject({ copies: 0, expectedWaitSeconds: 20 });
    expect(second.report.expectedWaitSeconds).toBeGreaterThan(0);
    expect(await autoscaler.gate.whileWaiting()).toMatch(/first copy is expected in \d+ s/);
  });

  it('a request that may not wait is answered 503 with Retry-After and still wakes the endpoint', async () => {
    const { autoscaler, control } = loadWorld(0, { capacityWaitMs: 0 });
    await expect(autoscaler.gate.admit(request('a'))).rejects.toMatchObject({
      status: 503,
      code: 'endpoint_starting',
      headers: { 'retry-after': '20' },
    });
    expect(control.asked).toEqual([1]);
  });

  it('a wake that fails for lack of capacity is reported and retried after a minute', async () => {
    const { autoscaler, control, clock } = loadWorld(0);
    control.failsWith = new CopiesUnavailableError('There is no ml.p5.48xlarge in us-east-2 now.');
    const failure = { status: 503, code: 'no_capacity', message: expect.stringContaining('no ml.p5.48xlarge') };
    await expect(autoscaler.gate.admit(request('a'))).rejects.toMatchObject(failure);
    await expect(autoscaler.gate.admit(request('b'))).rejects.toMatchObject(failure);
    expect(control.asked).toEqual([1]);
    control.failsWith = undefined;
    clock.now += 61;
    expect((await autoscaler.gate.admit(request('c'))).report.expectedWaitSeconds).toBe(20);
    expect(control.asked).toEqual([1, 1]);
  });

  it('a waiting request is answered 503 when SageMaker reports that the start failed', async () => {
    const { autoscaler, control, clock } = loadWorld(0);
    await autoscaler.gate.admit(request('a'));
    control.seen = { current: 0, desired: 1, failure: 'Unable to provision: insufficient capacity.' };
    clock.now += 5;
    await expect(autoscaler.gate.whileWaiting()).rejects.toMatchObject({
      status: 503,
      code: 'no_capacity',
      message: expect.stringContaining('insufficient capacity'),
    });
  });
});

describe('Scaling metrics', () => {
  it('scaling metrics show missing copies immediately, and fall to 0 without requests', async () => {
    const { autoscaler, lines, clock, control } = loadWorld(1);
    for (let index = 0; index < 9; index++) await autoscaler.gate.admit(request(`r${index}`, { elastic: false }));
    clock.now += 10;
    await autoscaler.scaling.tick();
    expect(lines.at(-1)).toMatchObject({ Endpoint: 'local', Model: 'scripted', RunningCopies: 1, MissingCopies: 1 });
    expect(lines.at(-1)?.CommittedTokensPerCopy).toBe(9 * 900);
    // The functions die: only the clock advances.
    clock.now += 60;
    await autoscaler.scaling.tick();
    expect(lines.at(-1)).toMatchObject({ CommittedTokensPerCopy: 0 });
    expect(control.asked).toEqual([]);
    expect(await autoscaler.scaling.leaseStore.all()).toEqual([]);
  });

  it('scaling metrics are written by one of several functions that tick concurrently', async () => {
    const { autoscaler, lines, clock } = loadWorld(1);
    await Promise.all([1, 2, 3].map(() => autoscaler.scaling.tick()));
    expect(lines.length).toBe(1);
    clock.now += 4;
    await autoscaler.scaling.tick();
    expect(lines.length).toBe(1);
    clock.now += 6;
    await autoscaler.scaling.tick();
    expect(lines.length).toBe(2);
  });

  it('the demand counts each request once, even after its end', async () => {
    const { autoscaler, clock } = loadWorld(1);
    await autoscaler.scaling.tick();
    const { admitted } = await autoscaler.gate.admit(request('a'));
    await admitted.end();
    clock.now += 20;
    const first = await autoscaler.scaling.tick();
    expect(first.demand.tokensPerSecond).toBeGreaterThan(0);
    clock.now += 20;
    const second = await autoscaler.scaling.tick();
    expect(second.demand.tokensPerSecond).toBeLessThan(first.demand.tokensPerSecond);
  });
});
