import { readFileSync, writeFileSync } from 'node:fs';
import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { anchorOf } from '../../../lib/monitoring/monitoring.ts';
import { defaultThresholds } from '../../../lib/monitoring/monitoring-props.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';
import { type Box, dashboardPicture } from './dashboard-picture.ts';

const { api } = synthesize(aConfig());
const widgetsSchema = z.object({
  widgets: z.array(
    z.object({
      type: z.string(),
      x: z.number(),
      y: z.number(),
      width: z.number(),
      height: z.number(),
      properties: z.looseObject({ title: z.string().optional(), markdown: z.string().optional() }),
    }),
  ),
});

/** Parses the dashboard's body, with a placeholder for each reference in the template. */
function widgetsOf(template: typeof api) {
  const body = z.union([z.string(), joined]).parse(only(template, 'AWS::CloudWatch::Dashboard')['DashboardBody']);
  const text =
    typeof body === 'string'
      ? body
      : body['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : 'reference')).join('');
  return widgetsSchema.parse(JSON.parse(text)).widgets;
}
const joined = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.union([z.string(), z.looseObject({})]))]) });
const alarmsOf = (template: typeof api) => all(template, 'AWS::CloudWatch::Alarm');

describe('the dashboard', () => {
  const widgets = widgetsOf(api);
  const text = JSON.stringify(widgets);

  it('the dashboard shows requests, thinking, times, copies, GPUs, committed tokens and cost', () => {
    expect(widgets.map(({ properties }) => properties.title).filter((title) => title !== undefined)).toEqual([
      'Alarms',
      'Requests a minute',
      'Function',
      'Instances: dollars an hour (estimate)',
      's1-32b: thinking tokens a minute',
      's1-32b: milliseconds to first token',
      's1-32b: milliseconds to answer',
      's1-32b: copies',
      's1-32b: GPUs in percent',
      's1-32b: committed tokens a copy',
    ]);
    for (const name of ['WantedThinkingTokens', 'GrantedThinkingTokens', 'ForcedTokens', 'TimeToAnswer']) {
      expect(text).toContain(`["Budgetforce","${name}","Endpoint","stage","Model","s1-32b"`);
    }
  });

  it('the dashboard estimates cost by the instances that the copies need, times the price', () => {
    expect(text).toContain('CEIL((FILL(copies0, 0) * 2) / 8) * 63');
  });

  it('the dashboard uses a configured price, and says so if the price is unknown', () => {
    const configured = synthesize(aConfig({ watching: { dollarsPerInstanceHour: 40.5 } }));
    expect(JSON.stringify(widgetsOf(configured.api))).toContain('/ 8) * 40.5');
    const unknown = synthesize(
      aConfig({ endpoint: { instanceType: 'ml.p5e.48xlarge' }, region: 'us-east-2', watching: {} }),
      { allow: 'instance-region' },
    );
    expect(JSON.stringify(widgetsOf(unknown.api))).toContain('No price of this instance type');
  });

  it('the dashboard fills its grid of 24 columns without overlapping boxes', () => {
    const cells = new Set<string>();
    for (const { x, y, width, height } of widgets) {
      expect(x + width).toBeLessThanOrEqual(24);
      for (let column = x; column < x + width; column++) {
        for (let row = y; row < y + height; row++) {
          expect(cells.has(`${column} ${row}`)).toBe(false);
          cells.add(`${column} ${row}`);
        }
      }
    }
    const rows = Math.max(...widgets.map(({ y, height }) => y + height));
    expect(cells.size).toBe(24 * rows);
  });

  it('docs/images/dashboard.svg shows the layout of the dashboard', () => {
    const boxes: Box[] = widgets.map(({ properties, ...place }) => ({
      ...place,
      title: properties.title ?? properties.markdown ?? '',
      labels: [...JSON.stringify(properties).matchAll(/"label":"([^"]+)"/g)].map(([, label]) => label ?? ''),
    }));
    const file = new URL('../../../docs/images/dashboard.svg', import.meta.url);
    const picture = dashboardPicture(boxes);
    if (process.env['UPDATE_PICTURES'] !== undefined) writeFileSync(file, picture);
    expect(readFileSync(file, 'utf8')).toBe(picture);
  });
});

describe('alarms', () => {
  const runbook = readFileSync(new URL('../../../docs/runbook.md', import.meta.url), 'utf8');

  it('there is one alarm of each kind, which links to a heading of the runbook', () => {
    const descriptions = alarmsOf(api).map((alarm) => String(alarm['AlarmDescription']));
    for (const name of Object.keys(defaultThresholds)) {
      expect(descriptions.filter((text) => text.endsWith(`docs/runbook.md#${anchorOf(name)}`))).toHaveLength(1);
      expect(runbook).toContain(`\n## ${anchorOf(name)}\n`);
    }
    // Beside these, copies that run without requests ring.
    expect(descriptions.filter((text) => text.endsWith('docs/runbook.md#idle-copies'))).toHaveLength(1);
    expect(runbook).toContain('\n## idle-copies\n');
    expect(descriptions).toHaveLength(Object.keys(defaultThresholds).length + 1);
  });

  it('an alarm goes off above its threshold, and not without requests', () => {
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('^More than 30000 milliseconds.*s1-32b'),
      ExtendedStatistic: 'p90',
      MetricName: 'TimeToFirstToken',
      Threshold: 30_000,
      EvaluationPeriods: 15,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
  });

  it('alarms use the configured topic, thresholds and runbook, with one set of alarms for each model', () => {
    const alarmTopicArn = 'arn:aws:sns:us-east-1:111122223333:ops';
    const { api } = synthesize(
      aConfig({
        models: [
          aModel({ copies: { initial: 1, min: 1, max: 1 } }),
          aModel({ id: 'other', copies: { initial: 1, min: 1, max: 1 } }),
        ],
        watching: { alarmTopicArn, runbookUrl: 'https://wiki/run', thresholds: { throttles: { over: 7, minutes: 2 } } },
      }),
    );
    expect(alarmsOf(api)).toHaveLength(10);
    for (const alarm of alarmsOf(api)) {
      expect(alarm).toMatchObject({ AlarmActions: [alarmTopicArn], OKActions: [alarmTopicArn] });
      expect(alarm['AlarmDescription']).toContain('https://wiki/run#');
    }
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Throttles',
      Threshold: 7,
      EvaluationPeriods: 2,
    });
  });

  it('alarms and dashboard can be switched off', () => {
    const { api } = synthesize(aConfig({ watching: { alarms: false, dashboard: false } }));
    api.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    api.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  });

  it('copies that run for hours without a request ring, and none do at zero copies', () => {
    const { api } = synthesize(aConfig({ watching: { idleHours: 3 } }));
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('^Copies of s1-32b run, and no request came for 3 hours'),
      EvaluationPeriods: 3,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
      Metrics: Match.arrayWith([
        Match.objectLike({ Expression: 'IF(copies > 0 && FILL(calls, 0) == 0, 1, 0)' }),
        Match.objectLike({ Id: 'calls', MetricStat: Match.objectLike({ Period: 3_600, Stat: 'Sum' }) }),
      ]),
    });
    const off = alarmsOf(synthesize(aConfig({ watching: { idleHours: false } })).api);
    expect(off.filter((alarm) => String(alarm['AlarmDescription']).includes('no request came'))).toEqual([]);
  });
});

describe('the budget', () => {
  const alarmTopicArn = 'arn:aws:sns:us-east-1:111122223333:ops';

  it('there is none unless it is configured', () => {
    api.resourceCountIs('AWS::Budgets::Budget', 0);
  });

  it('counts what has the cost tag of the deployment, and notifies addresses and the topic', () => {
    const budget = { dollarsPerMonth: 500, emails: ['ops@example.com'] };
    const { api } = synthesize(aConfig({ watching: { alarmTopicArn, budget } }));
    const subscribers = [
      { SubscriptionType: 'EMAIL', Address: 'ops@example.com' },
      { SubscriptionType: 'SNS', Address: alarmTopicArn },
    ];
    api.hasResourceProperties('AWS::Budgets::Budget', {
      Budget: {
        BudgetType: 'COST',
        TimeUnit: 'MONTHLY',
        BudgetLimit: { Amount: 500, Unit: 'USD' },
        CostFilters: { TagKeyValue: ['user:budgetforce$stage'] },
      },
      NotificationsWithSubscribers: [
        { Notification: Match.objectLike({ NotificationType: 'ACTUAL', Threshold: 80 }), Subscribers: subscribers },
        {
          Notification: Match.objectLike({ NotificationType: 'FORECASTED', Threshold: 100 }),
          Subscribers: subscribers,
        },
      ],
    });
  });

  it.each([
    [{ dollarsPerMonth: 0 }, /dollarsPerMonth/],
    [{ dollarsPerMonth: 5, emails: ['ops'] }, /emails/],
  ])('refuses the budget %j', (budget, message) => {
    expect(() => synthesize(aConfig({ watching: { budget } }))).toThrow(message);
  });
});
