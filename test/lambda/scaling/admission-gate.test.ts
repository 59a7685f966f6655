import { describe, expect, it } from 'vitest';
import { CopiesUnavailableError } from '../../../lambda/scaling/copy-control.ts';
import { loadWorld, request, smallCopies } from './load-world.ts';

describe('Elastic budgets', () => {
  it('grants everything on an endpoint with room, and less and less as it fills, never below the floor', async () => {
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

  it('sees requests that come at the same instant', async () => {
    const { autoscaler } = loadWorld(1);
    const all = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) => autoscaler.gate.admit(request(`r${index}`))),
    );
    const granted = all.flatMap((result) => (result.status === 'fulfilled' ? [result.value.report.granted] : []));
    expect(new Set(granted).size).toBeGreaterThan(2);
  });

  it('leaves a request alone that does not allow it', async () => {
    const { autoscaler } = loadWorld(1);
    for (let index = 0; index < 5; index++) await autoscaler.gate.admit(request(`r${index}`));
    const { report } = await autoscaler.gate.admit(request('stiff', { elastic: undefined }));
    expect(report).toMatchObject({ elastic: false, granted: 800, setBy: 'request' });
  });

  it('may be set for all requests of a deployment, or for none', async () => {
    const always = loadWorld(1, { settings: { ...smallCopies, elastic: 'always' } });
    expect((await always.autoscaler.gate.admit(request('a', { elastic: undefined }))).report.elastic).toBe(true);
    expect((await always.autoscaler.gate.admit(request('b', { elastic: false }))).report.elastic).toBe(false);
    const never = loadWorld(1, { settings: { ...smallCopies, elastic: 'never' } });
    expect((await never.autoscaler.gate.admit(request('c'))).report.elastic).toBe(false);
  });

  it('frees what a request that ended had reserved', async () => {
    const { autoscaler, clock } = loadWorld(1);
    const before = [];
    for (let index = 0; index < 5; index++) before.push(await autoscaler.gate.admit(request(`r${index}`)));
    for (const { admitted } of before) await admitted.end();
    clock.now += 1;
    expect((await autoscaler.gate.admit(request('next'))).report.granted).toBe(800);
  });

  it('frees the share of a function that died', async () => {
    const { autoscaler, clock } = loadWorld(1);
    for (let index = 0; index < 5; index++) await autoscaler.gate.admit(request(`r${index}`));
    clock.now += 60;
    expect((await autoscaler.gate.admit(request('next'))).report.granted).toBe(800);
  });
});

describe('Admission', () => {
  const stiff = (id: string, key = 'key_a') => request(id, { elastic: false, key });

  it('refuses what would wait too long, with the time after which it makes sense', async () => {
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

  it('says how long a request is expected to wait that is let in', async () => {
    const { autoscaler } = loadWorld(1);
    const waits: number[] = [];
    for (let index = 0; index < 10; index++) {
      waits.push((await autoscaler.gate.admit(stiff(`r${index}`))).report.expectedWaitSeconds);
    }
    expect(waits[0]).toBe(0);
    expect(waits.at(-1)).toBeGreaterThan(0);
  });

  it('tells a key that holds more than its part so', async () => {
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
  it('wakes the endpoint once, and says how long it takes', async () => {
    const { autoscaler, control } = loadWorld(0);
    const first = await autoscaler.gate.admit(request('a'));
    const second = await autoscaler.gate.admit(request('b'));
    expect(control.asked).toEqual([1]);
    expect(first.report).toMatchObject({ copies: 0, expectedWaitSeconds: 20 });
    expect(second.report.expectedWaitSeconds).toBeGreaterThan(0);
    expect(await autoscaler.gate.whileWaiting()).toMatch(/first copy is expected in \d+ s/);
  });

  it('answers 503 with Retry-After where it is not to wait, and wakes all the same', async () => {
    const { autoscaler, control } = loadWorld(0, { capacityWaitMs: 0 });
    await expect(autoscaler.gate.admit(request('a'))).rejects.toMatchObject({
      status: 503,
      code: 'endpoint_starting',
      headers: { 'retry-after': '20' },
    });
    expect(control.asked).toEqual([1]);
  });

  it('says that a wake failed for lack of capacity, and tries again a minute later', async () => {
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

  it('tells who waits when SageMaker gives the start up', async () => {
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

describe('Metrics of scaling', () => {
  it('show at once how many copies are missing, and fall to 0 when nobody asks', async () => {
    const { autoscaler, lines, clock, control } = loadWorld(1);
    for (let index = 0; index < 9; index++) await autoscaler.gate.admit(request(`r${index}`, { elastic: false }));
    clock.now += 10;
    await autoscaler.scaling.tick();
    expect(lines.at(-1)).toMatchObject({ Endpoint: 'local', Model: 'scripted', RunningCopies: 1, MissingCopies: 1 });
    expect(lines.at(-1)?.CommittedTokensPerCopy).toBe(9 * 900);
    // The functions die; nothing but the clock moves.
    clock.now += 60;
    await autoscaler.scaling.tick();
    expect(lines.at(-1)).toMatchObject({ CommittedTokensPerCopy: 0 });
    expect(control.asked).toEqual([]);
    expect(await autoscaler.scaling.leaseStore.all()).toEqual([]);
  });

  it('are written by one of several functions that look at the same time', async () => {
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

  it('counts each request once in the demand, also one that was refused or is over', async () => {
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
