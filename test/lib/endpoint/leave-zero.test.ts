import { describe, expect, it } from 'vitest';
import { aConfig, aModel, synthesize } from '../synthesize.ts';
import { StepPolicyModel } from './application-auto-scaling.ts';

const toZero = { copies: { initial: 1, min: 0, max: 6 } };

function template(scaling?: { thinking: Record<string, never> }) {
  return synthesize(
    aConfig({
      endpoint: { instanceType: 'ml.p5.48xlarge', instances: { min: 0, max: 2 } },
      models: [aModel({ ...toZero, architecture: 'qwen2.5-32b', ...(scaling && { scaling }) })],
    }),
  ).endpoint;
}

/** Requests that poll for `minutes`, while the function reports the desired copies, unless it does not serve them. */
function poll(scaling: StepPolicyModel, minutes: number, { reports = true, startAt = 0 } = {}): void {
  const desired: (number | undefined)[] = [];
  const failures: number[] = [];
  for (let second = startAt; second < startAt + minutes * 60; second += 30) {
    failures.push(1);
    desired.push(reports ? scaling.capacity : undefined);
    scaling.evaluate(second, { failures: failures.slice(-10), desired: desired.slice(-10) });
  }
}

describe('leaving zero', () => {
  it('clients that poll until the first copy runs start one copy', () => {
    const scaling = new StepPolicyModel(template());
    poll(scaling, 15);
    expect(scaling.capacity).toBe(1);
  });

  it('copies that another policy or an operator set stay, although requests still find none', () => {
    const scaling = new StepPolicyModel(template());
    poll(scaling, 1);
    scaling.capacity = 4;
    poll(scaling, 15, { startAt: 60 });
    expect(scaling.capacity).toBe(4);
  });

  it('copies that a schedule set stay, with the alarm in ALARM at that moment', () => {
    const scaling = new StepPolicyModel(template());
    scaling.evaluate(0, { failures: [1], desired: [0] });
    expect(scaling.inAlarm).toBe(true);
    scaling.setRange(4, 6);
    poll(scaling, 30, { startAt: 30 });
    expect(scaling.capacity).toBe(4);
  });

  it('a copy whose start failed is started again', () => {
    const scaling = new StepPolicyModel(template());
    poll(scaling, 15);
    scaling.capacity = 0;
    poll(scaling, 30, { startAt: 900 });
    expect(scaling.capacity).toBe(1);
  });

  it('a report that comes a period late does not add a copy', () => {
    const scaling = new StepPolicyModel(template());
    scaling.evaluate(0, { failures: [1], desired: [0] });
    scaling.evaluate(3_600, { failures: [1, 1, 1], desired: [0, 1, undefined] });
    expect(scaling.capacity).toBe(1);
  });

  it('clients that call the endpoint without the function wake it, and add a copy at most once per cold start', () => {
    const scaling = new StepPolicyModel(template());
    poll(scaling, 10, { reports: false });
    expect(scaling.capacity).toBe(1);
  });

  it('a model that scales by load has no such policy: the function wakes it', () => {
    expect(
      JSON.stringify(template({ thinking: {} }).findResources('AWS::ApplicationAutoScaling::ScalingPolicy')),
    ).not.toContain('from-zero');
    expect(JSON.stringify(template().findResources('AWS::ApplicationAutoScaling::ScalingPolicy'))).toContain(
      'from-zero',
    );
  });
});
