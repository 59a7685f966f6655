import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SageMakerCopies } from '../../../lambda/scaling/sagemaker-copies.ts';
import { CopyFleet } from '../../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from '../../../local/endpoint/local-auto-scaling.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../../local/endpoint/local-endpoint.ts';
import { scriptedEngine } from '../../local/scripted-engine.ts';

let endpoint: LocalEndpoint;
let fleet: CopyFleet;

beforeEach(async () => {
  fleet = new CopyFleet({ copies: 0, startSeconds: 0.05, requestsPerCopy: 2 });
  const autoScaling = new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: notSuspended }, () => 0);
  endpoint = await startLocalEndpoint({
    engine: scriptedEngine([97]),
    endpointName: 'local',
    inferenceComponentName: 'component',
    servedModelName: 'm',
    copies: { fleet, autoScaling },
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SAGEMAKER', endpoint.url);
  vi.stubEnv('AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING', endpoint.url);
  vi.stubEnv('AWS_REGION', 'us-east-2');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'local');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await endpoint.close();
});

// The real SDK clients over HTTP, against the local endpoint.
describe('SageMakerCopies', () => {
  it('copies start after their start time and are described as running', async () => {
    const copies = new SageMakerCopies('component');
    expect(await copies.describe()).toEqual({ current: 0, desired: 0 });
    await copies.setCopies(2);
    expect(await copies.describe()).toMatchObject({ desired: 2 });
    await vi.waitFor(async () => expect(await copies.describe()).toEqual({ current: 2, desired: 2 }), 10_000);
  });

  it('copies that fail to start are described with the reason', async () => {
    const copies = new SageMakerCopies('component');
    fleet.failStarts('Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.');
    await copies.setCopies(1);
    await vi.waitFor(
      async () =>
        expect(await copies.describe()).toEqual({
          current: 0,
          desired: 0,
          failure: expect.stringContaining('InsufficientInstanceCapacity'),
        }),
      10_000,
    );
  });

  it('bounds can be changed and suspended repeatedly', async () => {
    const copies = new SageMakerCopies('component');
    expect(await copies.bounds()).toEqual({ min: 0, max: 3, suspended: false });
    for (let again = 0; again < 2; again++) {
      await copies.setBounds({ min: 1, max: 2, suspended: true });
      expect(await copies.bounds()).toEqual({ min: 1, max: 2, suspended: true });
    }
    expect(await copies.describe()).toMatchObject({ desired: 1 });
  });

  it('schedules can be created, replaced, listed and deleted', async () => {
    const copies = new SageMakerCopies('component');
    const morning = { name: 'morning', schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'Europe/Berlin', min: 1, max: 3 };
    await copies.putSchedule(morning);
    await copies.putSchedule({ ...morning, min: 2 });
    expect(await copies.schedules()).toEqual([{ ...morning, min: 2 }]);
    expect(await copies.deleteSchedule('morning')).toBe(true);
    expect(await copies.deleteSchedule('morning')).toBe(false);
    expect(await copies.schedules()).toEqual([]);
  });

  it('a missing component is an error with its name', async () => {
    await expect(new SageMakerCopies('other').describe()).rejects.toThrow(/other/);
  });
});
