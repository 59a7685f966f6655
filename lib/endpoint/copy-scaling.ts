import { Duration } from 'aws-cdk-lib';
import { CfnScalableTarget, CfnScalingPolicy } from 'aws-cdk-lib/aws-applicationautoscaling';
import { Alarm, ComparisonOperator, type IMetric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type CopySteps, copySteps } from '../../lambda/policy/copy-steps.ts';
import { METRIC_NAMESPACE, metricDimensions, type ScalingMetrics } from '../../lambda/scaling/scaling-metrics.ts';
import { budgetMetric } from '../facts/metrics.ts';
import { type Refusal, refuse } from '../facts/refusal.ts';

/** Another range of copies from a time on, for instance more in the morning before the first request. */
export interface ScheduledCopies {
  readonly name: string;
  /** As CloudWatch takes it: `cron(0 7 ? * MON-FRI *)`, `at(2027-01-01T00:00:00)`, `rate(1 day)`. */
  readonly schedule: string;
  readonly min: number;
  readonly max: number;
  /**
   * For instance `Europe/Berlin`.
   *
   * @default - UTC
   */
  readonly timezone?: string | undefined;
}

export interface CopyScalingProps {
  readonly componentName: string;
  readonly endpointName: string;
  readonly modelId: string;
  /** 0 scales to zero, and adds the step that leaves zero. */
  readonly minCopies: number;
  readonly maxCopies: number;
  /**
   * Requests in flight that one copy should have.
   *
   * @default 8
   */
  readonly requestsPerCopy?: number | undefined;
  /**
   * Thinking tokens that the requests of one copy may still use: the second target. It is known when a request is
   * admitted, so it leads where requests in flight follow. It only adds copies; the requests in flight remove them.
   *
   * @default - not looked at
   */
  readonly committedTokensPerCopy?: number | undefined;
  /**
   * Whether copies follow what the function says is missing and spare, instead of the requests in flight. It has looked at every
   * request; requests in flight only show what has already happened.
   *
   * @default false
   */
  readonly byLoad?: boolean | undefined;
  /**
   * Other ranges of copies by the clock.
   *
   * @default - none
   */
  readonly schedule?: readonly ScheduledCopies[] | undefined;
  /**
   * How long the count rests after copies were added. Starting a copy takes minutes: a shorter rest adds copies for the
   * same requests again.
   *
   * @default Duration.seconds(300)
   */
  readonly scaleOutCooldown?: Duration | undefined;
  /**
   * How long the count rests after copies were removed.
   *
   * @default Duration.seconds(300)
   */
  readonly scaleInCooldown?: Duration | undefined;
  /** Requests that found no copy, by component. */
  readonly noCapacityMetric: IMetric;
}

/**
 * Scales the copies of one component: with the requests in flight per copy, and from zero as soon as one request found
 * none.
 *
 * Target tracking alone cannot leave zero: without a copy its metric has no data.
 * https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
 */
export class CopyScaling extends Construct {
  /** What scheduled actions and further policies attach to. */
  readonly target: CfnScalableTarget;

  constructor(scope: Construct, id: string, props: CopyScalingProps) {
    super(scope, id);
    refuse(
      this,
      (props.schedule ?? []).flatMap((entry) => checkSchedule(props.modelId, entry, props.schedule)),
    );
    // An L1: the L2 makes a role of its own, where SageMaker takes the service-linked one only.
    this.target = new CfnScalableTarget(this, 'Target', {
      serviceNamespace: 'sagemaker',
      scalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      resourceId: `inference-component/${props.componentName}`,
      minCapacity: props.minCopies,
      maxCapacity: props.maxCopies,
      ...(props.schedule !== undefined && { scheduledActions: props.schedule.map(toScheduledAction) }),
    });
    if (props.byLoad === true) for (const steps of copySteps) this.#followLoad(props, steps);
    else this.#trackRequests(props);
    if (props.committedTokensPerCopy !== undefined) this.#leadByCommittedTokens(props, props.committedTokensPerCopy);
    if (leavesZero(props)) this.#leaveZero(props);
  }

  #trackRequests(props: CopyScalingProps): void {
    new CfnScalingPolicy(this, 'RequestsPerCopy', {
      policyName: `${props.componentName}-requests-per-copy`,
      policyType: 'TargetTrackingScaling',
      scalingTargetId: this.target.ref,
      targetTrackingScalingPolicyConfiguration: {
        predefinedMetricSpecification: {
          predefinedMetricType: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
        },
        targetValue: props.requestsPerCopy ?? 8,
        scaleOutCooldown: (props.scaleOutCooldown ?? Duration.seconds(300)).toSeconds(),
        scaleInCooldown: (props.scaleInCooldown ?? Duration.seconds(300)).toSeconds(),
      },
    });
  }

  #followLoad({ componentName, endpointName, modelId }: CopyScalingProps, steps: CopySteps): void {
    const more = steps.metricName === 'MissingCopies';
    const policy = new CfnScalingPolicy(this, steps.metricName, {
      policyName: `${componentName}-${steps.name}`,
      policyType: 'StepScaling',
      scalingTargetId: this.target.ref,
      stepScalingPolicyConfiguration: {
        adjustmentType: 'ChangeInCapacity',
        metricAggregationType: 'Maximum',
        cooldown: steps.cooldownSeconds,
        stepAdjustments: steps.steps.map(({ from, to, change }) => ({
          metricIntervalLowerBound: from,
          ...(to !== undefined && { metricIntervalUpperBound: to }),
          scalingAdjustment: change,
        })),
      },
    });
    const alarm = new Alarm(this, `${steps.metricName}Alarm`, {
      alarmDescription: `${componentName} has ${more ? 'fewer' : 'more'} copies than its requests want.`,
      metric: budgetMetric(
        steps.metricName,
        { endpointName, modelId },
        { statistic: Stats.MAXIMUM, period: Duration.seconds(steps.periodSeconds) },
      ),
      threshold: steps.threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Between two data points, and where nobody writes, nothing is wanted.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }

  #leadByCommittedTokens(
    { componentName, endpointName, modelId, scaleOutCooldown }: CopyScalingProps,
    targetValue: number,
  ): void {
    new CfnScalingPolicy(this, 'CommittedTokens', {
      policyName: `${componentName}-committed-tokens`,
      policyType: 'TargetTrackingScaling',
      scalingTargetId: this.target.ref,
      targetTrackingScalingPolicyConfiguration: {
        customizedMetricSpecification: {
          namespace: METRIC_NAMESPACE,
          metricName: 'CommittedTokensPerCopy' satisfies keyof ScalingMetrics,
          dimensions: Object.entries(metricDimensions({ endpointName, modelId })).map(([name, value]) => ({
            name,
            value,
          })),
          statistic: 'Average',
        },
        targetValue,
        // Without requests the metric has no data, and a policy without data would forbid the others to remove copies.
        disableScaleIn: true,
        scaleOutCooldown: (scaleOutCooldown ?? Duration.seconds(300)).toSeconds(),
      },
    });
  }

  #leaveZero({ componentName, noCapacityMetric }: CopyScalingProps): void {
    const policy = new CfnScalingPolicy(this, 'FromZero', {
      policyName: `${componentName}-from-zero`,
      policyType: 'StepScaling',
      scalingTargetId: this.target.ref,
      stepScalingPolicyConfiguration: {
        adjustmentType: 'ChangeInCapacity',
        metricAggregationType: 'Maximum',
        cooldown: 60,
        stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }],
      },
    });
    const alarm = new Alarm(this, 'NoCapacity', {
      alarmDescription: `A request found no copy of ${componentName}: one is started.`,
      metric: noCapacityMetric,
      threshold: 1,
      evaluationPeriods: 1,
      datapointsToAlarm: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.MISSING,
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }
}

function leavesZero({ minCopies, schedule = [] }: CopyScalingProps): boolean {
  return minCopies === 0 || schedule.some(({ min }) => min === 0);
}

function toScheduledAction({
  name,
  schedule,
  timezone,
  min,
  max,
}: ScheduledCopies): CfnScalableTarget.ScheduledActionProperty {
  return {
    scheduledActionName: name,
    schedule,
    ...(timezone !== undefined && { timezone }),
    scalableTargetAction: { minCapacity: min, maxCapacity: max },
  };
}

/** Refuses actions that Application Auto Scaling does not take. */
function checkSchedule(
  modelId: string,
  { name, schedule, min, max }: ScheduledCopies,
  all: readonly ScheduledCopies[] = [],
): readonly (Refusal | undefined)[] {
  const source = 'https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html';
  const finding = (sentence: string): Refusal => ({ code: 'schedule', sentence, source });
  return [
    min <= max
      ? undefined
      : finding(`scaling.schedule "${name}" of ${modelId} has min ${min} and max ${max}: write min ≤ max.`),
    /^(cron|rate|at)\(.+\)$/.test(schedule)
      ? undefined
      : finding(
          `scaling.schedule "${name}" of ${modelId} is "${schedule}", which is no schedule: write "cron(0 7 ? * MON-FRI *)", "at(…)" or "rate(…)".`,
        ),
    all.filter((other) => other.name === name).length === 1
      ? undefined
      : finding(
          `scaling.schedule of ${modelId} has "${name}" more than once, and the last would silently replace the others: write names that differ.`,
        ),
  ];
}
