import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../lib/config.ts';
import { defaultPrices, HOURS_PER_MONTH, loadPrices } from '../../lib/facts/prices.ts';
import { backgroundCost } from '../../plan/background-cost.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan } from '../../plan/make-plan.ts';
import type { Plan } from '../../plan/plan.ts';
import { planAsMarkdown, planAsText } from '../../plan/render-plan.ts';
import { breakEvenRate, routeCost } from '../../plan/route-cost.ts';
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

describe('passages of a request', () => {
  it('are part of its prompt in the cache and in the price of another API, and are named', () => {
    const config = parseConfig(aConfig({ models: [s1] }));
    const created = createdBy(config, undefined);
    const price = { input: 1, output: 4 };
    const planWith = (extra: Partial<PlannedTraffic>) => {
      const given = { ...traffic, ...extra };
      return makePlan(config, created, defaultPrices, given, undefined, { price, traffic: given });
    };
    const [without, withPassages] = [planWith({}), planWith({ promptTokens: 1_500, passageTokens: 1_000 })];
    const charged = (plan: Plan) => plan.estimatedBreakEven?.apiDollarsPerRequest ?? 0;
    expect(charged(withPassages) - charged(without)).toBeCloseTo(1_000 / 1e6, 12);
    expect(planAsText(withPassages)).toContain('1,500 (1,000 of passages) prompt, 4,000 thinking, 500 answer');
    expect(planAsText(without)).toContain('500 prompt, 4,000 thinking, 500 answer');
  });
});

describe('the plan of batches and webhooks', () => {
  const batches = { retention: { filesDays: 30 }, batches: { concurrency: 8 } };

  it('has none of their costs without them', () => {
    expect(planOf().estimatedBatchDollars).toBeUndefined();
  });

  it('has the look each minute, the writes of lines, and the hours of the function', () => {
    const plan = planOf(batches);
    const prices = { ...defaultPrices, lambdaGbSecond: 0, lambdaMillionRequests: 1 };
    expect(planOf(batches, prices).estimatedBatchDollars).toMatchObject({
      lookPerMonth: expect.closeTo((HOURS_PER_MONTH * 60) / 1e6, 10),
      perRunningHour: 0,
    });
    expect(plan.estimatedBatchDollars?.perRunningHour).toBeCloseTo(
      (1_769 / 1_024) * 3_600 * defaultPrices.lambdaGbSecond,
      10,
    );
    // Two GET, one PUT and four writes of the table for each line.
    expect(plan.estimatedBatchDollars?.perThousandLines).toBeCloseTo((2 * 0.4 + 5 + 4 * 0.625) / 1_000, 10);
    expect(planAsText(plan)).toContain('it runs up to 8 lines at once');
    expect(plan.notes.join()).toContain('a copy that a batch wakes costs as any other');
  });

  it('counts the secret of webhooks, and no lines without batches', () => {
    const fixed = (changes: Partial<ConfigInput>) => planOf(changes).estimatedDollarsPerHour?.fixed ?? 0;
    const alarmAndSecret = defaultPrices.secretMonth + defaultPrices.alarmMonth;
    expect((fixed({ api: { webhooks: true } }) - fixed({})) * HOURS_PER_MONTH).toBeCloseTo(alarmAndSecret, 6);
    expect(planAsText(planOf({ api: { webhooks: true } }))).not.toContain('lines at once');
  });
});

describe('the plan of a route', () => {
  const tokens = { promptTokens: 500, thinkingTokens: 4_000, answerTokens: 500 };
  const small = { prompt: 0.1, completion: 1 };
  const large = { prompt: 0.4, completion: 4 };
  const byThought = { samples: 1, passThought: false };

  it('breaks even where the route costs as much as always asking the last model', () => {
    const [s, thought, l] = [500 * 0.1 + 4_500, 500 * 0.1 + 4_000, 500 * 0.4 + 4_500 * 4];
    const rate = breakEvenRate([small, large], tokens, byThought);
    expect(rate).toBeCloseTo((l - s) / (l + thought - s), 9);
    expect(routeCost([small, large], tokens, byThought, rate) * 1e6).toBeCloseTo(l, 3);
  });

  it('is 0 if the route costs more even without escalations, and lower if samples have to agree or the thought is passed on', () => {
    expect(breakEvenRate([large, small], tokens, byThought)).toBe(0);
    const rate = breakEvenRate([small, large], tokens, byThought);
    expect(breakEvenRate([small, large], tokens, { ...byThought, samples: 2 })).toBeLessThan(rate);
    expect(breakEvenRate([small, large], tokens, { ...byThought, passThought: true })).toBeLessThan(rate);
  });

  it('has the rate and its formula, or the model without a price', () => {
    const routes = [{ id: 'auto', models: ['s1-32b', 'large'], escalate: { unsure_below: 0.3 } }];
    const copies = { initial: 1, min: 1, max: 2 };
    const priced = aModel({ id: 'large', dollarsPerMillionTokens: large, copies });
    const plan = planOf({ models: [aModel({ dollarsPerMillionTokens: small, copies }), priced], routes });
    expect(plan.routes).toMatchObject([{ id: 'auto', unpriced: [], breakEvenRate: expect.any(Number) }]);
    expect(planAsText(plan)).toContain('break-even: share of escalations');
    expect(planAsText(planOf({ models: [aModel({ copies }), priced], routes }))).toContain(
      'the price of s1-32b is unknown',
    );
  });
});

describe('a plan', () => {
  const plan = planOf(toZero);

  it('a plan lists the resources in the templates', () => {
    const count = (type: string) => plan.created.find((entry) => entry.type === type)?.count;
    expect(count('AWS::SageMaker::InferenceComponent')).toBe(1);
    expect(count('AWS::ApplicationAutoScaling::ScalingPolicy')).toBe(2);
    expect(plan.created.map(({ stack }) => stack)).toContain('stage-api');
  });

  it('an idle deployment costs only its fixed resources, and at most all instances', () => {
    const { estimatedDollarsPerHour: hourly } = plan;
    expect(hourly?.instances).toEqual({ idle: 0, minimum: 1, maximum: 2 });
    expect(hourly?.idle).toBeLessThan(0.05);
    expect(hourly?.minimum).toBeCloseTo(63 + (hourly?.fixed ?? 0));
    expect(hourly?.maximum).toBeCloseTo(126 + (hourly?.fixed ?? 0));
  });

  it('an alarm is charged for each of its metrics, and more if its period is below a minute', () => {
    const free = Object.fromEntries(['secretMonth', 'dashboardMonth', 'keyMonth'].map((name) => [name, 0]));
    const { estimatedDollarsPerHour } = planOf(toZero, {
      ...defaultPrices,
      ...free,
      alarmMonth: 1,
      highResolutionAlarmMonth: 100,
    });
    // Five alarms of the API, that on what hangs, that on idle copies with two metrics, the component's error alarm with two metrics, and the alarm that leaves zero, with two.
    expect((estimatedDollarsPerHour?.fixed ?? 0) * HOURS_PER_MONTH).toBeCloseTo(5 + 1 + 2 + 2 + 200);
  });

  it('the required quota is twice the maximum, because an update starts a second fleet, and the command has its code', () => {
    expect(plan.quotas[0]).toMatchObject({ name: 'ml.p5.48xlarge for endpoint usage', code: 'L-16AF71F1', value: 4 });
    expect(plan.quotas[0]?.why).toContain('an update starts a second fleet before it stops the first one');
    expect(plan.quotas[0]?.command).toContain('--quota-code L-16AF71F1 --desired-value 4');
  });

  it('a rolling update needs the maximum and one batch, of the fallback types as well', () => {
    const { quotas } = planOf({
      endpoint: {
        instanceType: 'ml.p5.48xlarge',
        fallbackInstanceTypes: ['ml.p5en.48xlarge'],
        instances: { initial: 1, min: 1, max: 5 },
        deployment: { strategy: 'rolling', percent: 30 },
      },
      models: [s1],
    });
    expect(quotas.slice(0, 2).map(({ name, value }) => [name, value])).toEqual([
      ['ml.p5.48xlarge for endpoint usage', 7],
      ['ml.p5en.48xlarge for endpoint usage', 7],
    ]);
    expect(quotas[0]?.why).toContain('a batch of 30 % (2) before it stops as many');
    expect(quotas[1]?.why).toContain('used if ml.p5.48xlarge has no capacity, also for an update');
  });

  it('fine-tuning adds no cost while it is idle, and the plan says so', () => {
    const [without, idle] = [planOf({ models: [s1] }), planOf({ models: [s1], training: {} })];
    expect(idle.estimatedDollarsPerHour).toEqual(without.estimatedDollarsPerHour);
    expect(idle.notes.filter((note) => !without.notes.includes(note))).toEqual([
      'training costs $0 while no run is going: what its stack has is billed by use alone. npx budgetforce train plan CONFIG shows what a run costs.',
    ]);
  });

  it('tokens in the background cost writes of the table and the time of the function, and the plan says how much', () => {
    const changes = { models: [s1], retention: { responsesDays: 30 } };
    const [without, background] = [planOf(changes), planOf({ ...changes, background: {} })];
    const [note] = background.notes.filter((each) => !without.notes.includes(each));
    const speed = background.models[0]?.estimatedSpeed;
    const tokensPerSecond = 1 / (speed?.stepSeconds ?? 0);
    const { writes, writeDollars, functionDollars } = backgroundCost(tokensPerSecond, 1_769, defaultPrices);
    expect(note).toContain(`${writes} writes of the table, about $${writeDollars.toFixed(4)}`);
    expect(note).toContain(`$${functionDollars.toFixed(2)} of the function`);
  });

  it('the slower the model, the more writes, since each second is written, and a fast one is written each 192 tokens', () => {
    const at = (tokensPerSecond: number) => backgroundCost(tokensPerSecond, 1_024, defaultPrices);
    expect(at(20)).toMatchObject({ writes: 5_000, writeDollars: 0.003125 });
    expect(at(1_000)).toMatchObject({ writes: 521 });
    expect(at(1_000).writeDollars).toBeCloseTo((521 * 3 * 0.625) / 1e6);
    expect(at(20).functionDollars).toBeCloseTo(5_000 * 0.0000133334);
  });

  it('the bucket of an example is planned, with a note that a deployment refuses it', () => {
    const source = { kind: 's3' as const, uri: 's3://amzn-s3-demo-bucket/s1-32b/' };
    expect(planOf({ models: [{ ...s1, source }] }).notes).toContain(
      `s3://amzn-s3-demo-bucket/s1-32b/ of ${s1.id} is in the bucket of an example: write your own before cdk deploy, which refuses it.`,
    );
  });

  it('the command for an unknown quota code finds the code', () => {
    const { quotas } = planOf({ endpoint: { instanceType: 'ml.p5en.48xlarge' }, models: [s1] });
    expect(quotas[0]?.code).toBeUndefined();
    expect(quotas[0]?.command).toContain("QuotaName=='ml.p5en.48xlarge for endpoint usage'");
  });

  it('a cold start is the sum of its steps', () => {
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

  it('a month is estimated from the traffic', () => {
    const { estimatedMonth: month } = plan;
    // One copy for 10 hours and the 25 minutes until the last instance stops (15 for the copy, 10 for it), on 730 / 24 days.
    expect(month?.load.copies).toBe(1);
    expect(month?.instanceHours).toBeCloseTo((10 + 25 / 60) * (730 / 24));
    expect(month?.dollars.instances).toBeCloseTo((month?.instanceHours ?? 0) * 63);
    const { instances, requests, fixed, total } = month?.dollars ?? { instances: 0, requests: 0, fixed: 0, total: 0 };
    expect(total).toBeCloseTo(instances + requests + fixed);
  });

  it.each([
    ['an hour, if the model scales by load', {}, 3_600],
    ['as configured, if the policy is', { policy: { scale_in_after_seconds: 1_800 } }, 1_800],
  ])('copies stay as long as the deployed scaling keeps them: %s', (_, thinking, scaleInSeconds) => {
    const { estimatedMonth: month } = planOf({
      ...toZero,
      models: [{ ...s1, copies: { initial: 1, min: 0, max: 8 }, scaling: { thinking } }],
    });
    expect(month?.scaleInSeconds).toBe(scaleInSeconds);
    expect(month?.instanceHours).toBeCloseTo((10 + (scaleInSeconds + 600) / 3_600) * (730 / 24));
  });

  it('a note warns if the traffic needs more copies than the maximum', () => {
    const config = parseConfig(aConfig(toZero));
    const busy = makePlan(config, createdBy(config, undefined), defaultPrices, { ...traffic, requestsPerDay: 1e6 });
    expect(busy.notes.join('\n')).toMatch(/needs \d+ copies of s1-32b, but copies\.max is 8/);
  });

  it('a model without an architecture has no memory, speed or cold start, and a note says so', () => {
    const { models, estimatedMonth, notes } = planOf();
    expect(models[0]).toMatchObject({ memory: undefined, estimatedColdStart: undefined, estimatedSpeed: undefined });
    expect(estimatedMonth).toBeUndefined();
    expect(notes[0]).toContain('write models[].architecture');
  });

  it('a plan without a known price has no dollars, and a note says so', () => {
    const plan = planOf({ endpoint: { instanceType: 'ml.p5e.48xlarge' }, region: 'us-east-2', models: [s1] });
    expect(plan.estimatedDollarsPerHour).toBeUndefined();
    expect(plan.notes.join('\n')).toContain('No price of ml.p5e.48xlarge is known');
  });

  it.each([
    ['text', planAsText(plan)],
    ['Markdown', planAsMarkdown(plan)],
  ])('every amount in %s is marked as an estimate', (_, output) => {
    const amounts = output.match(/\$[\d,.]+(?: \(estimate\))?/g) ?? [];
    expect(amounts.length).toBeGreaterThan(8);
    expect(amounts.filter((amount) => !amount.endsWith('(estimate)'))).toEqual([]);
  });
});

describe('loadOf', () => {
  it('load follows Little’s law: 360 requests per hour of 50 seconds are 5 in flight', () => {
    const speed = { requests: 4, stepSeconds: 0.01, tokensPerSecond: 400 };
    const load = loadOf({ ...traffic, requestsPerDay: 3_600, activeHours: 10, thinkingTokens: 4_500 }, speed);
    expect(load).toEqual({ secondsPerRequest: 50, requestsInFlight: 5, copies: 2 });
  });
});

describe('prices', () => {
  const file = join(folder, 'prices.json');

  it('a file overrides single prices, with a new date', () => {
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

  it('a price of the wrong type is refused with its path', () => {
    writeFileSync(file, JSON.stringify({ instances: { 'ml.p5.48xlarge': 'cheap' } }));
    expect(() => loadPrices(file)).toThrow(/prices\.json is wrong:[\s\S]*instances\["ml\.p5\.48xlarge"\]/);
  });
});

describe('budgetforce plan', () => {
  const run = (...argv: readonly string[]) =>
    spawnSync(process.execPath, ['bin/budgetforce.ts', 'plan', ...argv], { encoding: 'utf8' });

  it('budgetforce plan --json prints the plan as JSON', () => {
    const { status, stdout, stderr } = run('config/s1-32b.json', '--json', '--requests-per-day', '100');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 's1-32b', estimatedMonth: { traffic: { requestsPerDay: 100 } } });
  });

  it('budgetforce plan exits with 1 and the refusal if the config cannot work', () => {
    const file = join(folder, 'config.json');
    writeFileSync(file, JSON.stringify(aConfig({ endpoint: { instanceType: 'ml.p5.48xlarge', kmsKeyArn: 'key' } })));
    const { status, stdout, stderr } = run(file);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('kmsKeyArn is set, but');
  });

  it('budgetforce plan --allow allows a refusal', () => {
    const file = join(folder, 'config.json');
    const { status, stderr } = run(file, '--allow', 'kms-local-storage', '--json');
    expect(status, stderr).toBe(0);
  });

  it.each([
    ['an unknown option', ['--colour']],
    ['two outputs', ['--json', '--markdown']],
    ['no number', ['--requests-per-day', 'many']],
    ['two configs', ['a.json', 'b.json']],
  ])('budgetforce plan exits with 2 for %s', (_, argv) => {
    expect(run(...argv).status).toBe(2);
  });

  it('budgetforce plan --help lists its exit codes', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('Exit codes:');
  });
});

describe('a break-even against another API', () => {
  const { requestsPerDay: _, ...request } = traffic;
  const evenAt = (output: number, changes = toZero) => {
    const config = parseConfig(aConfig(changes));
    const price = { input: 3, output };
    return makePlan(config, createdBy(config, undefined), defaultPrices, undefined, undefined, {
      price,
      traffic: request,
    });
  };

  it('is the traffic at which a month of the deployment costs what the API charges', () => {
    const plan = evenAt(15);
    const even = plan.estimatedBreakEven;
    // 500 input tokens at $3 and 4,500 output tokens at $15 per million.
    expect(even?.apiDollarsPerRequest).toBeCloseTo(0.069, 9);
    const [first] = even?.cheaper ?? [];
    if (first === undefined) throw new Error('There is no break-even.');
    const config = parseConfig(aConfig(toZero));
    const monthAt = (requestsPerDay: number) =>
      makePlan(config, createdBy(config, undefined), defaultPrices, { ...request, requestsPerDay }).estimatedMonth;
    const apiAt = (requestsPerDay: number) => requestsPerDay * (HOURS_PER_MONTH / 24) * 0.069;
    expect(monthAt(first.from)?.dollars.total).toBeLessThanOrEqual(apiAt(first.from));
    expect(monthAt(first.from - 1)?.dollars.total).toBeGreaterThan(apiAt(first.from - 1));
    expect(planAsText(plan)).toContain('Break-even against an API at $3 and $15');
  });

  it('comes earlier at a higher price, and never at a low one', () => {
    const from = (output: number) => evenAt(output).estimatedBreakEven?.cheaper[0]?.from ?? Number.POSITIVE_INFINITY;
    expect(from(30)).toBeLessThan(from(15));
    expect(evenAt(0.0001).estimatedBreakEven?.cheaper).toEqual([]);
    expect(planAsText(evenAt(0.0001))).toContain('never, up to its capacity of');
  });

  it('is unknown if the memory of the model is', () => {
    const { estimatedBreakEven, notes } = evenAt(15, {
      ...toZero,
      models: [{ ...aModel(), copies: { initial: 1, min: 0, max: 8 } }],
    });
    expect(estimatedBreakEven).toBeUndefined();
    expect(notes.join(' ')).toContain('No break-even is estimated');
  });
});
