import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  type IAlarmAction,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import { addBudget } from './budget.ts';
import { dashboardRows } from './dashboard-rows.ts';
import {
  defaultThresholds,
  type MonitoredExternalModel,
  type MonitoringProps,
  type Thresholds,
} from './monitoring-props.ts';

/** A night and a bit: copies that nobody asked in it were not needed. */
const DEFAULT_IDLE_HOURS = 12;

/**
 * Dashboard and alarms for an API and its models.
 *
 * @example
 * new Monitoring(this, 'Monitoring', { restApi: api.restApi, handler: api.handler, models, gpusPerInstance: 8 });
 */
export class Monitoring extends Construct {
  readonly dashboard: Dashboard | undefined;
  readonly alarms: readonly Alarm[];
  readonly #props: MonitoringProps;
  readonly #action: IAlarmAction | undefined;

  constructor(scope: Construct, id: string, props: MonitoringProps) {
    super(scope, id);
    this.#props = props;
    if (props.alarmTopicArn !== undefined) {
      this.#action = new SnsAction(Topic.fromTopicArn(this, 'Topic', props.alarmTopicArn));
    }
    this.alarms = props.alarms === false ? [] : this.#createAlarms();
    if (props.budget !== undefined) addBudget(this, props.budget, props.alarmTopicArn);
    if (props.dashboard !== false) {
      this.dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(3) });
      for (const row of dashboardRows(props, this.alarms)) this.dashboard.addWidgets(...row);
    }
  }

  #createAlarms(): readonly Alarm[] {
    const { restApi, handler, models, externalModels = [] } = this.#props;
    const minute = { period: Duration.minutes(1) };
    return [
      this.#alarm('serverErrors', 'of the answers are errors of ours, in percent', {
        metric: percent(restApi.metricServerError({ ...minute, statistic: Stats.AVERAGE })),
      }),
      this.#alarm('throttles', 'calls of the function a minute are refused by Lambda', {
        metric: handler.metricThrottles(minute),
      }),
      ...models.flatMap(({ model }) => [
        ...this.#createGenerationAlarms(model),
        this.#alarm('noCapacity', `calls a minute found no copy of ${model.id}, and none has come`, {
          model: model.id,
          metric: model.metricNoCapacity().with(minute),
        }),
        ...this.#createIdleAlarm(model),
      ]),
      ...externalModels.flatMap((model) => this.#createGenerationAlarms(model)),
    ];
  }

  /** Copies that run for hours without a request: forgotten, or kept by a minimum that nobody needs. */
  #createIdleAlarm(model: HostedModel): readonly Alarm[] {
    const { idleHours: hours = DEFAULT_IDLE_HOURS } = this.#props;
    if (hours === false) return [];
    const period = Duration.hours(1);
    const alarm = this.#create('idleCopies', model.id, {
      description: `Copies of ${model.id} run, and no request came for ${hours} hours`,
      metric: new MathExpression({
        expression: 'IF(copies > 0 && FILL(calls, 0) == 0, 1, 0)',
        usingMetrics: {
          copies: model.metricCopies().with({ period }),
          calls: model.metricInvocations().with({ period }),
        },
        label: 'idle',
        period,
      }),
      over: 0,
      periods: hours,
    });
    return [alarm];
  }

  #createGenerationAlarms(model: MonitoredExternalModel): readonly Alarm[] {
    return [
      this.#alarm('failures', `of the generations of ${model.id} fail, in percent`, {
        model: model.id,
        metric: percent(model.metric('Failures').with({ statistic: Stats.AVERAGE })),
      }),
      this.#alarm('slowFirstToken', `milliseconds until the first token of ${model.id}, for one in ten or more`, {
        model: model.id,
        metric: model.metric('TimeToFirstToken').with({ statistic: Stats.p(90) }),
      }),
    ];
  }

  #alarm(
    name: keyof Thresholds,
    description: string,
    { metric, model }: { readonly metric: IMetric; readonly model?: string },
  ): Alarm {
    const { over, minutes } = this.#props.thresholds?.[name] ?? defaultThresholds[name];
    return this.#create(name, model, {
      description: `More than ${over} ${description}, for ${minutes} minutes`,
      metric,
      over,
      periods: minutes,
    });
  }

  #create(
    name: string,
    model: string | undefined,
    {
      description,
      metric,
      over,
      periods,
    }: { readonly description: string; readonly metric: IMetric; readonly over: number; readonly periods: number },
  ): Alarm {
    const alarm = new Alarm(this, model === undefined ? name : `${name}-${model}`, {
      alarmDescription: `${description}. ${runbookOf(this.#props)}#${anchorOf(name)}`,
      metric,
      threshold: over,
      evaluationPeriods: periods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      // Without requests, or at zero copies, there is no data, and nothing is wrong.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.#notify(alarm);
    return alarm;
  }

  #notify(alarm: Alarm): void {
    if (this.#action === undefined) return;
    alarm.addAlarmAction(this.#action);
    alarm.addOkAction(this.#action);
  }
}

/** Returns the anchor of an alarm in the runbook: `slowFirstToken` becomes `slow-first-token`. */
export function anchorOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function runbookOf({ runbookUrl = 'docs/runbook.md' }: MonitoringProps): string {
  return `Runbook: ${runbookUrl}`;
}

/** Converts a share from 0 to 1 to percent. */
function percent(share: IMetric): MathExpression {
  return new MathExpression({
    expression: '100 * share',
    usingMetrics: { share },
    label: 'percent',
    period: Duration.minutes(1),
  });
}
