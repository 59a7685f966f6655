import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../lib/config.ts';
import { defaultPrices, HOURS_A_MONTH, loadPrices } from '../../lib/facts/prices.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan, type Plan } from '../../plan/make-plan.ts';
import { planAsMarkdown, planAsText } from '../../plan/render-plan.ts';
import { loadOf, type PlannedTraffic } from '../../plan/traffic.ts';
import { aConfig, aModel } from '../lib/synthesize.ts';

const folder = mkdtempSync(join(tmpdir(), 'budgetforce-plan-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

const traffic: PlannedTraffic = {
  requestsPerDay: 1_000,
  promptTokens: 500,
  thinkingTokens: 4_000,
  answerTokens: 500,
  activeHours: 10,
};

function planOf(changes: Partial<ConfigInput> = {}, prices = defaultPrices): Plan {
  const config = parseConfig(aConfig(changes));
  return makePlan(config, createdBy(config, undefined), prices, traffic);
}

const s1 = aModel({ architecture: 'qwen2.5-32b' });
const toZero: Partial<ConfigInput> = {
  endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 0, max: 2 } },
  models: [{ ...s1, copies: { initial: 1, min: 0, max: 8 } }],
};

describe('a plan', () => {
  const plan = planOf(toZero);

  it('lists what the templates hold', () => {
    const count = (type: string) => plan.created.find((entry) => entry.type === type)?.count;
    expect(count('AWS::SageMaker::InferenceComponent')).toBe(1);
    expect(count('AWS::ApplicationAutoScaling::ScalingPolicy')).toBe(2);
    expect(plan.created.map(({ stack }) => stack)).toContain('stage-api');
  });

  it('costs nothing but what lies about when nobody asks, and all instances at most', () => {
    const { estimatedDollarsPerHour: hourly } = plan;
    expect(hourly?.instances).toEqual({ idle: 0, minimum: 1, maximum: 2 });
    expect(hourly?.idle).toBeLessThan(0.05);
    expect(hourly?.minimum).toBeCloseTo(63 + (hourly?.fixed ?? 0));
    expect(hourly?.maximum).toBeCloseTo(126 + (hourly?.fixed ?? 0));
  });

  it('counts an alarm once for each metric in it, and more where it looks at less than a minute', () => {
    const free = Object.fromEntries(['secretMonth', 'dashboardMonth', 'keyMonth'].map((name) => [name, 0]));
    const { estimatedDollarsPerHour } = planOf(toZero, {
      ...defaultPrices,
      ...free,
      alarmMonth: 1,
      highResolutionAlarmMonth: 100,
    });
    // Five of the API, the component's errors against its calls, and the one that wakes it from zero.
    expect((estimatedDollarsPerHour?.fixed ?? 0) * HOURS_A_MONTH).toBeCloseTo(5 + 2 + 100);
  });

  it('asks for one instance more than the maximum, by the code of the quota', () => {
    expect(plan.quotas[0]).toMatchObject({ name: 'ml.p5.48xlarge for endpoint usage', code: 'L-16AF71F1', value: 3 });
    expect(plan.quotas[0]?.command).toContain('--quota-code L-16AF71F1 --desired-value 3');
  });

  it('says how to find a code that it does not know', () => {
    const { quotas } = planOf({ endpoint: { instanceType: 'ml.p5en.48xlarge' }, models: [s1] });
    expect(quotas[0]?.code).toBeUndefined();
    expect(quotas[0]?.command).toContain("QuotaName=='ml.p5en.48xlarge for endpoint usage'");
  });

  it('adds a cold start up from its steps', () => {
    const [model] = plan.models;
    const steps = Object.fromEntries(
      (model?.estimatedColdStart?.steps ?? []).map(({ name, seconds }) => [name, seconds]),
    );
    // 32.76 billion weights of 16 bits are 61.0 GiB: a minute from S3 at 1 GiB/s, half of one to the GPUs at 2 GiB/s.
    expect(steps).toMatchObject({ alarm: 60, instance: 300, image: 120, engine: 90 });
    expect(steps['download']).toBeCloseTo(61.02, 1);
    expect(steps['load']).toBeCloseTo(30.51, 1);
    expect(model?.estimatedColdStart?.seconds).toBeCloseTo(60 + 300 + 120 + 90 + 61.02 + 30.51, 1);
  });

  it('counts a month from the traffic', () => {
    const { estimatedMonth: month } = plan;
    // One copy for 10 hours and the 25 minutes until the last instance stops, on 730 / 24 days.
    expect(month?.load.copies).toBe(1);
    expect(month?.instanceHours).toBeCloseTo((10 + 25 / 60) * (730 / 24));
    expect(month?.dollars.instances).toBeCloseTo((month?.instanceHours ?? 0) * 63);
    const { instances, requests, fixed, total } = month?.dollars ?? { instances: 0, requests: 0, fixed: 0, total: 0 };
    expect(total).toBeCloseTo(instances + requests + fixed);
  });

  it('warns where the traffic needs more copies than there may be', () => {
    const config = parseConfig(aConfig(toZero));
    const busy = makePlan(config, createdBy(config, undefined), defaultPrices, { ...traffic, requestsPerDay: 1e6 });
    expect(busy.notes.join('\n')).toMatch(/needs \d+ copies of s1-32b, but copies\.max is 8/);
  });

  it('has no memory, speed or cold start of a model whose architecture is not known, and says so', () => {
    const { models, estimatedMonth, notes } = planOf();
    expect(models[0]).toMatchObject({ memory: undefined, estimatedColdStart: undefined, estimatedSpeed: undefined });
    expect(estimatedMonth).toBeUndefined();
    expect(notes[0]).toContain('write models[].architecture');
  });

  it('has no dollars where no price is known, and says so', () => {
    const plan = planOf({ endpoint: { instanceType: 'ml.p5e.48xlarge' }, region: 'us-east-2', models: [s1] });
    expect(plan.estimatedDollarsPerHour).toBeUndefined();
    expect(plan.notes.join('\n')).toContain('No price of ml.p5e.48xlarge is known');
  });

  it.each([
    ['text', planAsText(plan)],
    ['Markdown', planAsMarkdown(plan)],
  ])('calls every amount an estimate in %s', (_, output) => {
    const amounts = output.match(/\$[\d,.]+(?: \(estimate\))?/g) ?? [];
    expect(amounts.length).toBeGreaterThan(8);
    expect(amounts.filter((amount) => !amount.endsWith('(estimate)'))).toEqual([]);
  });
});

describe('the load of a traffic', () => {
  it('is Little’s law: 360 requests an hour of 50 seconds are 5 in flight', () => {
    const speed = { requests: 4, stepSeconds: 0.01, tokensPerSecond: 400 };
    const load = loadOf({ ...traffic, requestsPerDay: 3_600, activeHours: 10, thinkingTokens: 4_500 }, speed);
    expect(load).toEqual({ secondsPerRequest: 50, requestsInFlight: 5, copies: 2 });
  });
});

describe('prices', () => {
  const file = join(folder, 'prices.json');

  it('are overridden one by one, with a new date', () => {
    writeFileSync(
      file,
      JSON.stringify({ date: '2027-01', instances: { 'ml.p5.48xlarge': 50 }, assumptions: { engineSeconds: 10 } }),
    );
    const prices = loadPrices(file);
    expect(prices).toMatchObject({
      date: '2027-01',
      secretMonth: 0.4,
      assumptions: { engineSeconds: 10, imageSeconds: 120 },
    });
    expect(planOf(toZero, prices).estimatedDollarsPerHour?.instance).toBe(50);
  });

  it('of a wrong shape are refused by their path', () => {
    writeFileSync(file, JSON.stringify({ instances: { 'ml.p5.48xlarge': 'cheap' } }));
    expect(() => loadPrices(file)).toThrow(/prices\.json is wrong:[\s\S]*instances\["ml\.p5\.48xlarge"\]/);
  });
});

describe('budgetforce plan', () => {
  const run = (...argv: readonly string[]) =>
    spawnSync(process.execPath, ['bin/budgetforce.ts', 'plan', ...argv], { encoding: 'utf8' });

  it('prints JSON that is the plan', () => {
    const { status, stdout, stderr } = run('config/s1-32b.json', '--json', '--requests-per-day', '100');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 's1-32b', estimatedMonth: { traffic: { requestsPerDay: 100 } } });
  });

  it('ends with 1 and the refusal where the config cannot work', () => {
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(aConfig({ endpoint: { instanceType: 'ml.p5.48xlarge', kmsKeyArn: 'key' } })));
    const { status, stdout, stderr } = run(file);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('kmsKeyArn is set, but');
  });

  it('lets a refusal through where it is told to', () => {
    const file = join(folder, 'config.json');
    const { status, stderr } = run(file, '--allow', 'kms-local-storage', '--json');
    expect(status, stderr).toBe(0);
  });

  it.each([
    ['an unknown option', ['--colour']],
    ['two outputs', ['--json', '--markdown']],
    ['no number', ['--requests-per-day', 'many']],
    ['two configs', ['a.json', 'b.json']],
  ])('ends with 2 for %s', (_, argv) => {
    expect(run(...argv).status).toBe(2);
  });

  it('explains itself', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Exit codes:');
  });
});
