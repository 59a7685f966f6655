import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { HostedModel } from '../endpoint/hosted-model.ts';
import type { BudgetMetric } from '../facts/metrics.ts';

/** Threshold of an alarm: the value is above `over` for `minutes` consecutive minutes. */
export interface Threshold {
  readonly over: number;
  /** Consecutive minutes. Minimum: 1. */
  readonly minutes: number;
}

/** Threshold of each alarm. The keys are the anchors of docs/runbook.md. */
export interface Thresholds {
  /** Failed generations, in percent. */
  readonly failures: Threshold;
  /** Responses of the API with status 500 or above, in percent. */
  readonly serverErrors: Threshold;
  /** Throttled invocations of the function, per minute. */
  readonly throttles: Threshold;
  /** Time to the first token, 90th percentile, in milliseconds. */
  readonly slowFirstToken: Threshold;
  /** Calls that found no copy, per minute. If they persist, a copy does not start. */
  readonly noCapacity: Threshold;
}

/** Default thresholds. A copy starts within ten minutes from zero, so a longer time without copies is an error. */
export const defaultThresholds: Thresholds = {
  failures: { over: 5, minutes: 5 },
  serverErrors: { over: 2, minutes: 5 },
  throttles: { over: 0, minutes: 3 },
  slowFirstToken: { over: 30_000, minutes: 15 },
  noCapacity: { over: 0, minutes: 20 },
};

/** A model, and the GPUs that its copies use. */
export interface MonitoredModel {
  readonly model: HostedModel;
  /** GPUs of one copy. */
  readonly gpusPerCopy: number;
}

/** A model on a server of its own, of which only the function's metrics are known. */
export interface MonitoredExternalModel {
  readonly id: string;
  /** Returns a metric that the function writes about this model. */
  readonly metric: (name: BudgetMetric) => Metric;
}

/** A budget of AWS Budgets over all that has the deployment's cost tag. */
export interface MonthlyBudget {
  readonly dollarsPerMonth: number;
  /**
   * Addresses that are notified, at most ten.
   *
   * @default - only the topic of the alarms
   */
  readonly emails?: readonly string[] | undefined;
  /** Value of the cost tag `budgetforce` of the resources. */
  readonly tag: string;
}

export interface MonitoringProps {
  readonly restApi: RestApi;
  readonly handler: IFunction;
  readonly models: readonly MonitoredModel[];
  /**
   * Models on servers of their own.
   *
   * @default - none
   */
  readonly externalModels?: readonly MonitoredExternalModel[] | undefined;
  /** GPUs of one instance. */
  readonly gpusPerInstance: number;
  /**
   * Estimated price of one instance, in dollars per hour.
   *
   * @default - the dashboard has no graph of the cost
   */
  readonly dollarsPerInstanceHour?: number | undefined;
  /**
   * Whether clients judge answers, which the dashboard then shows over thinking tokens.
   *
   * @default false
   */
  readonly feedback?: boolean | undefined;
  /**
   * Whether to create a dashboard.
   *
   * @default true
   */
  readonly dashboard?: boolean | undefined;
  /**
   * Whether to create alarms.
   *
   * @default true
   */
  readonly alarms?: boolean | undefined;
  /**
   * ARN of the SNS topic that is notified when an alarm starts and ends.
   *
   * @default - no notification; alarms are visible in the console
   */
  readonly alarmTopicArn?: string | undefined;
  /**
   * Thresholds that differ from the defaults.
   *
   * @default defaultThresholds
   */
  readonly thresholds?: { readonly [Name in keyof Thresholds]?: Threshold | undefined } | undefined;
  /**
   * Hours after which copies that run without a request ring an alarm, 1 to 24. `false`: never.
   *
   * @default 12
   */
  readonly idleHours?: number | false | undefined;
  /**
   * Budget of a month, which notifies at 80 % spent and at 100 % forecast.
   *
   * @default - none
   */
  readonly budget?: MonthlyBudget | undefined;
  /**
   * URL of the runbook. Alarms link to their heading in it.
   *
   * @default docs/runbook.md
   */
  readonly runbookUrl?: string | undefined;
}
