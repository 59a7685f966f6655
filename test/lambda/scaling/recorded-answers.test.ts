import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { CopiesUnavailableError } from '../../../lambda/scaling/copy-control.ts';
import { SageMakerCopies } from '../../../lambda/scaling/sagemaker-copies.ts';
import { type ControlPlane, controlCall } from '../../../local/endpoint/control-plane.ts';
import { CopyFleet } from '../../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from '../../../local/endpoint/local-auto-scaling.ts';
import { recorded } from './fixtures/recorded-answers.ts';

/** Responses to the next calls (status 0: no response), and the actions that were called. */
let answers: { readonly status: number; readonly body: unknown }[] = [];
let calls: string[] = [];
let server: Server;

beforeEach(async () => {
  answers = [];
  calls = [];
  server = createServer((request, response) => {
    request.resume().on('end', () => {
      calls.push(String(request.headers['x-amz-target']).replace(/^.*\./, ''));
      const { status, body } = answers.shift() ?? { status: 200, body: {} };
      if (status === 0) return;
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const [name, value] of Object.entries({
    AWS_ENDPOINT_URL_SAGEMAKER: url,
    AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING: url,
    AWS_REGION: 'us-east-2',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  })) {
    vi.stubEnv(name, value);
  }
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const copies = () => new SageMakerCopies('s1-32b');

// The real SDK clients over HTTP, with recorded responses of AWS.
describe('Recorded responses of AWS about copies', () => {
  it('an update in progress is not a failure', async () => {
    answers = [recorded.updateInProgress];
    await copies().setCopies(1);
    expect(calls).toEqual(['UpdateInferenceComponentRuntimeConfig']);
  });

  it('an exceeded quota is reported with the message of AWS', async () => {
    answers = [recorded.resourceLimitExceeded];
    const refused = copies().setCopies(1);
    await expect(refused).rejects.toThrow(CopiesUnavailableError);
    await expect(refused).rejects.toThrow('account-level service limit');
  });

  it('missing capacity is reported with the message of AWS', async () => {
    answers = [recorded.noCapacity];
    expect(await copies().describe()).toEqual({
      current: 0,
      desired: 1,
      failure: recorded.noCapacity.body.FailureReason,
    });
  });

  it('a missing component is an error, not a component without copies', async () => {
    answers = [recorded.noSuchComponent];
    await expect(copies().describe()).rejects.toThrow('Could not find inference component');
  });

  it('a throttled call is retried', async () => {
    answers = [
      recorded.throttled,
      {
        status: 200,
        body: { InferenceComponentArn: 'arn:aws:sagemaker:us-east-1:111122223333:inference-component/s1' },
      },
    ];
    await copies().setCopies(1);
    expect(calls).toHaveLength(2);
  });

  it('a concurrent update of the bounds is retried', async () => {
    answers = [recorded.concurrentUpdate, { status: 200, body: {} }];
    await copies().setBounds({ min: 0, max: 1, suspended: false });
    expect(calls).toEqual(['RegisterScalableTarget', 'RegisterScalableTarget']);
  });

  it('a missing scalable target is an error when a schedule is created, and ignored when one is deleted', async () => {
    answers = [recorded.noScalableTarget, recorded.noScalableTarget];
    const schedule = { name: 'morning', schedule: 'rate(1 hour)', min: 0, max: 1 };
    await expect(copies().putSchedule(schedule)).rejects.toThrow('No scalable target registered');
    expect(await copies().deleteSchedule('morning')).toBe(false);
  });

  it('a call without a response times out after a few seconds', async () => {
    answers = [{ status: 0, body: undefined }];
    const started = performance.now();
    await expect(copies().describe()).rejects.toThrow();
    expect(performance.now() - started).toBeGreaterThan(4_000);
    expect(calls).toHaveLength(1);
  });

  it('a missing scalable target has no bounds', async () => {
    answers = [{ status: 200, body: { ScalableTargets: [] } }];
    expect(await copies().bounds()).toBeUndefined();
  });
});

const errorSchema = z.object({ __type: z.string(), message: z.string() });

describe('The local emulation of SageMaker and Application Auto Scaling', () => {
  const plane = (): ControlPlane => {
    const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
    return {
      endpointName: 'e',
      componentName: 's1-32b',
      fleet,
      autoScaling: new LocalAutoScaling(fleet, { min: 0, max: 3, suspended: notSuspended }, () => 0),
    };
  };
  const target = {
    ServiceNamespace: 'sagemaker',
    ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
    ResourceId: 'inference-component/s1-32b',
  };
  const action = {
    ...target,
    ScheduledActionName: 'morning',
    Schedule: 'cron(0 7 ? * MON-FRI *)',
    ScalableTargetAction: { MinCapacity: 1 },
  };
  const call = (to: string, input: object, on = plane()) => controlCall(on, to, JSON.stringify(input));

  // Members marked "Required" in the API references of SageMaker and Application Auto Scaling.
  it.each([
    [
      'SageMaker.DescribeInferenceComponent',
      undefined,
      [
        'CreationTime',
        'EndpointArn',
        'EndpointName',
        'InferenceComponentArn',
        'InferenceComponentName',
        'LastModifiedTime',
      ],
    ],
    [
      'AnyScaleFrontendService.DescribeScalableTargets',
      'ScalableTargets',
      ['CreationTime', 'MaxCapacity', 'MinCapacity', 'ResourceId', 'RoleARN', 'ScalableDimension', 'ServiceNamespace'],
    ],
    [
      'AnyScaleFrontendService.DescribeScheduledActions',
      'ScheduledActions',
      ['CreationTime', 'ResourceId', 'Schedule', 'ScheduledActionARN', 'ScheduledActionName', 'ServiceNamespace'],
    ],
  ])('the local response to %s has all required members', (to, list, required) => {
    const on = plane();
    call('AnyScaleFrontendService.PutScheduledAction', action, on);
    const { status, body } = call(to, { ...target, InferenceComponentName: 's1-32b' }, on);
    expect(status).toBe(200);
    const one = list === undefined ? body : z.array(z.looseObject({})).parse(body[list])[0];
    for (const member of required) expect(one).toHaveProperty(member, expect.anything());
  });

  it.each([
    ['noSuchComponent', 'SageMaker.DescribeInferenceComponent', { InferenceComponentName: 'other' }],
    [
      'noScalableTarget',
      'AnyScaleFrontendService.PutScheduledAction',
      { ...action, ResourceId: 'inference-component/other' },
    ],
  ] as const)('the local error equals the one of AWS: %s', (name, to, input) => {
    const { status, body } = call(to, input);
    const real = errorSchema.parse(recorded[name].body);
    const ours = errorSchema.parse(body);
    expect(status).toBe(recorded[name].status);
    expect(ours.__type).toBe(real.__type);
    expect(ours.message.replaceAll('other', 's1-32b')).toBe(real.message);
  });

  it('RegisterScalableTarget changes only the given members, and each suspended activity separately', () => {
    const on = plane();
    call('AnyScaleFrontendService.RegisterScalableTarget', { ...target, MinCapacity: 1, MaxCapacity: 2 }, on);
    const SuspendedState = { ScheduledScalingSuspended: true };
    call('AnyScaleFrontendService.RegisterScalableTarget', { ...target, SuspendedState }, on);
    expect(on.autoScaling.target).toEqual({ min: 1, max: 2, suspended: { in: false, out: false, scheduled: true } });
  });

  it('PutScheduledAction accepts a single bound and rejects an invalid schedule', () => {
    expect(call('AnyScaleFrontendService.PutScheduledAction', action).status).toBe(200);
    const rejected = call('AnyScaleFrontendService.PutScheduledAction', { ...action, Schedule: 'cron(0 7 * * MON *)' });
    expect(rejected).toMatchObject({ status: 400, body: { __type: 'ValidationException' } });
  });
});
