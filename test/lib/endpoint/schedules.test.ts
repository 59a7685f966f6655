import { Stack } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { CopyScaling, type ScheduledCopies } from '../../../lib/endpoint/copy-scaling.ts';
import { RefusedError } from '../../../lib/facts/refusal.ts';
import { controlCall } from '../../../local/endpoint/control-plane.ts';
import { CopyFleet } from '../../../local/endpoint/copy-fleet.ts';
import { LocalAutoScaling, notSuspended } from '../../../local/endpoint/local-auto-scaling.ts';
import { anApp } from '../synthesize.ts';

const inRange = { name: 'morning', min: 1, max: 4 };

/** The refusals of a scheduled action at synth. */
function atSynth(action: ScheduledCopies): readonly string[] {
  try {
    synth(new Stack(anApp(), 'Stack'), action);
    return [];
  } catch (error) {
    if (error instanceof RefusedError) return error.refusals.map(({ sentence }) => sentence);
    throw error;
  }
}

function synth(stack: Stack, action: ScheduledCopies): CopyScaling {
  return new CopyScaling(stack, 'Scaling', {
    componentName: 'component',
    endpointName: 'endpoint',
    modelId: 's1-32b',
    minCopies: 1,
    maxCopies: 4,
    schedule: [action],
    noCapacityMetric: new Metric({ namespace: 'n', metricName: 'm' }),
  });
}

/** The answer of the local endpoint to PutScheduledAction. */
function onALaptop({ name, schedule, timezone, min, max }: ScheduledCopies) {
  const fleet = new CopyFleet({ copies: 1, startSeconds: 0, requestsPerCopy: 1 });
  const autoScaling = new LocalAutoScaling(fleet, { min: 1, max: 4, suspended: notSuspended }, () => 0);
  const { status, body } = controlCall(
    { endpointName: 'endpoint', componentName: 'component', fleet, autoScaling },
    'AnyScaleFrontendService.PutScheduledAction',
    JSON.stringify({
      ServiceNamespace: 'sagemaker',
      ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      ResourceId: 'inference-component/component',
      ScheduledActionName: name,
      Schedule: schedule,
      Timezone: timezone,
      ScalableTargetAction: { MinCapacity: min, MaxCapacity: max },
    }),
  );
  return { status, ...z.looseObject({ message: z.string().optional() }).parse(body) };
}

describe('A scheduled action', () => {
  it.each([
    { ...inRange, schedule: 'cron(0 7 * * *)' },
    { ...inRange, schedule: 'cron(0 7 * * * *)' },
    { ...inRange, schedule: '0 7 * * *' },
    { ...inRange, schedule: 'rate(1 hours)' },
    { ...inRange, schedule: 'at(2027-01-01T07:00:00Z)' },
    { ...inRange, schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'CET+1' },
    { ...inRange, schedule: 'cron(0 7 ? * MON-FRI *)', timezone: '+01:00' },
    { ...inRange, name: '7:00', schedule: 'cron(0 7 ? * MON-FRI *)' },
  ])('is refused at synth and on a laptop with the same sentence: $name $schedule $timezone', (action) => {
    const { status, message } = onALaptop(action);
    expect(status).toBe(400);
    expect(atSynth(action)).toEqual([`In scaling.schedule "${action.name}" of s1-32b, ${message}`]);
    expect(message).toMatch(/: write /);
  });

  it.each([
    { ...inRange, schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'Europe/Berlin' },
    { ...inRange, schedule: 'cron(0 20-2 * * ? 2027)' },
    { ...inRange, schedule: 'cron(0 0 7 ? * MON *)' },
    { ...inRange, schedule: 'at(2027-01-01T07:00:00)', timezone: 'Etc/GMT+9' },
    { ...inRange, schedule: 'rate(1 day)' },
  ])('is accepted at synth and on a laptop: $schedule $timezone', (action) => {
    expect(onALaptop(action).status).toBe(200);
    expect(atSynth(action)).toEqual([]);
  });

  it('is not read at synth if its expression is known only at deployment', () => {
    const stack = new Stack(anApp(), 'Stack');
    const schedule = StringParameter.valueForStringParameter(stack, 'schedule');
    expect(() => synth(stack, { ...inRange, schedule })).not.toThrow();
  });
});
