import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
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
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import { dashboardRows } from './dashboard-rows.ts';

/** When an alarm rings: the value is over `over` in all of `minutes` minutes in a row. */
export interface Threshold {
  readonly over: number;
  /** Minutes in a row. Minimum: 1. */
  readonly minutes: number;
}

/** What is alarmed, each in the same words. The keys are the anchors of docs/runbook.md. */
export interface Thresholds {
  /** Generations that fail. Percent. */
  readonly failures: Threshold;
  /** Answers of the API with a status of 500 or more. Percent. */
  readonly serverErrors: Threshold;
  /** Calls of the function that Lambda refuses. A minute. */
  readonly throttles: Threshold;
  /** Until the first token, for nine of ten generations. Milliseconds. */
  readonly slowFirstToken: Threshold;
  /** Calls that found no copy: a copy that does not come. A minute. */
  readonly noCapacity: Threshold;
}

/** A copy from zero takes up to ten minutes; what is slower than that is wrong. */
export const defaultThresholds: Thresholds = {
  failures: { over: 5, minutes: 5 },
  serverErrors: { over: 2, minutes: 5 },
  throttles: { over: 0, minutes: 3 },
  slowFirstToken: { over: 30_000, minutes: 15 },
  noCapacity: { over: 0, minutes: 20 },
};

/** A model, and what its copies take of an instance. */
export interface MonitoredModel {
  readonly model: HostedModel;
  /** GPUs of one copy. */
  readonly gpusPerCopy: number;
}

export interface MonitoringProps {
  readonly restApi: RestApi;
  readonly handler: IFunction;
  readonly models: readonly MonitoredModel[];
  /** GPUs of one instance. */
  readonly gpusPerInstance: number;
  /**
   * Dollars an hour of one instance: an estimate.
   *
   * @default - the dashboard draws no cost
   */
  readonly dollarsPerInstanceHour?: number | undefined;
  /**
   * Whether there is a dashboard.
   *
   * @default true
   */
  readonly dashboard?: boolean | undefined;
  /**
   * Whether there are alarms.
   *
   * @default true
   */
  readonly alarms?: boolean | undefined;
  /**
   * Where alarms go, and that they are over.
   *
   * @default - nowhere: they are seen in the console
   */
  readonly alarmTopicArn?: string | undefined;
  /**
   * Thresholds that differ.
   *
   * @default defaultThresholds
   */
  readonly thresholds?: { readonly [Name in keyof Thresholds]?: Threshold | undefined } | undefined;
  /**
   * Where the runbook is: the alarm's anchor is added.
   *
   * @default docs/runbook.md
   */
  readonly runbookUrl?: string | undefined;
}

/**
 * A dashboard and alarms for an API and its models.
 *
 * @example
 * new Monitoring(this, 'Watching', { restApi: api.restApi, handler: api.handler, models, gpusPerInstance: 8 });
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
    if (props.dashboard !== false) {
      this.dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(3) });
      for (const row of dashboardRows(props, this.alarms)) this.dashboard.addWidgets(...row);
    }
  }

  #createAlarms(): readonly Alarm[] {
    const { restApi, handler, models } = this.#props;
    const minute = { period: Duration.minutes(1) };
    return [
      this.#alarm('serverErrors', 'of the answers are errors of ours, in percent', {
        metric: percent(restApi.metricServerError({ ...minute, statistic: Stats.AVERAGE })),
      }),
      this.#alarm('throttles', 'calls of the function a minute are refused by Lambda', {
        metric: handler.metricThrottles(minute),
      }),
      ...models.flatMap(({ model }) => [
        this.#alarm('failures', `of the generations of ${model.id} fail, in percent`, {
          model: model.id,
          metric: percent(model.metric('Failures').with({ statistic: Stats.AVERAGE })),
        }),
        this.#alarm('slowFirstToken', `milliseconds until the first token of ${model.id}, for one in ten or more`, {
          model: model.id,
          metric: model.metric('TimeToFirstToken').with({ statistic: Stats.p(90) }),
        }),
        this.#alarm('noCapacity', `calls a minute found no copy of ${model.id}, and none has come`, {
          model: model.id,
          metric: model.metricNoCapacity().with(minute),
        }),
      ]),
    ];
  }

  #alarm(
    name: keyof Thresholds,
    what: string,
    { metric, model }: { readonly metric: IMetric; readonly model?: string },
  ): Alarm {
    const { over, minutes } = this.#props.thresholds?.[name] ?? defaultThresholds[name];
    const alarm = new Alarm(this, model === undefined ? name : `${name}-${model}`, {
      alarmDescription: `More than ${over} ${what}, for ${minutes} minutes. ${runbookOf(this.#props)}#${anchorOf(name)}`,
      metric,
      threshold: over,
      evaluationPeriods: minutes,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      // Nobody asks: nothing is wrong.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (this.#action !== undefined) {
      alarm.addAlarmAction(this.#action);
      alarm.addOkAction(this.#action);
    }
    return alarm;
  }
}

/** `slowFirstToken` is `#slow-first-token`. */
export function anchorOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function runbookOf({ runbookUrl = 'docs/runbook.md' }: MonitoringProps): string {
  return `Runbook: ${runbookUrl}`;
}

/** A share of 0 to 1 in percent. */
function percent(share: IMetric): MathExpression {
  return new MathExpression({
    expression: '100 * share',
    usingMetrics: { share },
    label: 'percent',
    period: Duration.minutes(1),
  });
}
