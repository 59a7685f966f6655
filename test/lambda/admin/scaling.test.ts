import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { CopiesUnavailableError } from '../../../lambda/scaling/copy-control.ts';
import { scalingStatusSchema } from '../../../lambda/scaling/scaling-admin.ts';
import { loadWorld, request } from '../scaling/load-world.ts';
import { scriptedApp } from '../scripted-world.ts';

function adminWorld(copies: number) {
  const world = loadWorld(copies);
  const { app, log } = scriptedApp([], {
    loads: new Map([['scripted', world.autoscaler]]),
    keyHashes: async () => [hashKey('admin-key')],
  });
  const call = async (method: string, path: string, body?: unknown, key = 'admin-key') => {
    const response = await app.request(`/v1/admin/scaling${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    return { status: response.status, answer };
  };
  const show = async () => scalingStatusSchema.parse((await call('GET', '')).answer);
  return { ...world, app, log, call, show };
}

describe('/v1/admin/scaling', () => {
  it('/v1/admin/scaling requires an admin key', async () => {
    const { call } = adminWorld(1);
    expect((await call('GET', '', undefined, 'wrong')).status).toBe(401);
  });

  it('GET shows copies, load, policy and decisions with their reasons', async () => {
    const { show } = adminWorld(1);
    expect(await show()).toMatchObject({
      model: 'scripted',
      paused: false,
      copies: { running: 1, starting: 0, min: 0, max: 3 },
      at_zero: null,
      load: { requests: 0, committed_tokens: 0 },
      decisions: [{ have: 1, reason: expect.stringMatching(/\w/) }],
      changes: [],
    });
  });

  it('PATCH sets the bounds of Application Auto Scaling and the policy, and is idempotent', async () => {
    const { call, show, control, log } = adminWorld(1);
    const change = { min_copies: 1, max_copies: 5, policy: { shrink_from: 0.5, shrink_to: 0.9 } };
    expect((await call('PATCH', '', change)).status).toBe(200);
    expect((await call('PATCH', '', change)).status).toBe(200);
    expect(control.range).toEqual({ min: 1, max: 5, suspended: false });
    const status = await show();
    expect(status).toMatchObject({
      copies: { min: 1, max: 5 },
      policy: { shrink_from: 0.5, shrink_to: 0.9 },
      changes: [{ by: 'admin' }, { by: 'admin' }],
    });
    expect(log.filter(({ action }) => action === 'set scaling')).toMatchObject([
      { by: 'admin', model: 'scripted' },
      { by: 'admin', model: 'scripted' },
    ]);
    expect((await call('PATCH', '', { policy: null })).status).toBe(200);
    expect((await show()).policy.shrink_from).not.toBe(0.5);
  });

  it.each([
    [{ min_copies: 4 }, 'min_copies'],
    [{ policy: { shrink_from: 2 } }, 'policy.shrink_from'],
    [{ policy: { speed: 1 } }, 'policy.speed'],
    [{ max_copies: 0 }, 'max_copies'],
  ])('PATCH refuses %j and names the field', async (change, param) => {
    const { call, control } = adminWorld(1);
    const before = control.range;
    expect(await call('PATCH', '', change)).toMatchObject({ status: 400, answer: { error: { param } } });
    expect(control.range).toEqual(before);
  });

  it('wake is idempotent, and reports why no copy can start', async () => {
    const { call, control } = adminWorld(0);
    expect((await call('POST', '/wake')).answer).toMatchObject({ at_zero: 'waking', copies: { starting: 1 } });
    expect((await call('POST', '/wake')).status).toBe(200);
    expect(control.asked).toEqual([1]);
    const other = adminWorld(0);
    other.control.failsWith = new CopiesUnavailableError('The quota for ml.p5.48xlarge is 0.');
    expect(await other.call('POST', '/wake')).toMatchObject({
      status: 503,
      answer: { error: { code: 'no_capacity', message: expect.stringContaining('quota') } },
    });
  });

  it('pause stops copies and scaling, and requests get a 503 that says so; resume restores the bounds', async () => {
    const { call, control, autoscaler: load } = adminWorld(2);
    await call('PATCH', '', { min_copies: 1 });
    expect((await call('POST', '/pause')).answer).toMatchObject({ paused: true });
    expect(control.range).toEqual({ min: 0, max: 3, suspended: true });
    expect(control.asked).toEqual([0]);
    control.seen = { current: 0, desired: 0 };
    await load.scaling.tick(0);
    await expect(load.gate.admit(request('a'))).rejects.toMatchObject({ status: 503, code: 'endpoint_paused' });
    expect((await call('POST', '/wake')).status).toBe(409);
    expect((await call('POST', '/resume')).answer).toMatchObject({ paused: false });
    expect(control.range).toEqual({ min: 1, max: 3, suspended: false });
  });

  it('a pause that another update blocked removes its copies later', async () => {
    const { call, control, autoscaler: load, clock } = adminWorld(2);
    await call('POST', '/pause');
    control.seen = { current: 2, desired: 2 };
    clock.now += 60;
    await load.scaling.tick();
    expect(control.asked.length).toBeGreaterThan(1);
    expect(control.asked.every((copies) => copies === 0)).toBe(true);
    expect(control.seen.desired).toBe(0);
  });

  it.each([
    ['ValidationException', 400, undefined],
    ['ConcurrentUpdateException', 503, '5'],
    ['AccessDeniedException', 502, undefined],
  ])('a refusal of AWS is passed on with its message: %s', async (name, status, retryAfter) => {
    const { app, control } = adminWorld(1);
    control.setBounds = async () => {
      throw Object.assign(new Error('Because.'), { name });
    };
    const response = await app.request('/v1/admin/scaling', {
      method: 'PATCH',
      headers: { authorization: 'Bearer admin-key', 'content-type': 'application/json' },
      body: JSON.stringify({ max_copies: 2 }),
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('retry-after') ?? undefined).toBe(retryAfter);
    expect(await response.json()).toMatchObject({
      error: { code: 'scaling_refused', message: 'AWS refused: Because.' },
    });
  });

  it('schedules are created, listed and deleted', async () => {
    const { call } = adminWorld(1);
    const morning = { schedule: 'cron(0 7 ? * MON-FRI *)', min_copies: 1, max_copies: 3 };
    expect((await call('PUT', '/schedules/morning', morning)).answer).toMatchObject({
      schedules: [{ name: 'morning', timezone: 'UTC', min_copies: 1 }],
    });
    expect((await call('PUT', '/schedules/morning', { ...morning, schedule: '7 am' })).status).toBe(400);
    expect((await call('DELETE', '/schedules/morning')).answer).toMatchObject({ schedules: [] });
    expect((await call('DELETE', '/schedules/morning')).status).toBe(404);
  });

  it('GET /v1/load is a 404 if no model scales by load', async () => {
    const { app } = scriptedApp([]);
    const response = await app.request('/v1/load');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'no_scaling' } });
  });
});
