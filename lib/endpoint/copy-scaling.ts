import { Duration, Token } from 'aws-cdk-lib';
import { CfnScalableTarget, CfnScalingPolicy } from 'aws-cdk-lib/aws-applicationautoscaling';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import { type CopySteps, copySteps } from '../../lambda/policy/copy-steps.ts';
import { METRIC_NAMESPACE, metricDimensions, type ScalingMetrics } from '../../lambda/scaling/scaling-metrics.ts';
import { checkSchedule } from '../checks/check-schedule.ts';
import { budgetMetric } from '../facts/metrics.ts';
import { refuse } from '../facts/refusal.ts';

/** Range of copies that applies from a scheduled time, for instance more copies before the first request of the day. */
export interface ScheduledCopies {
  readonly name: string;
  /**
   * Schedule expression: `cron(0 7 ? * MON-FRI *)`, `at(2027-01-01T00:00:00)` or `rate(1 day)`. The fields of cron are minutes,
   * hours, day of month, month, day of week (1 is Sunday) and year; one of the two days must be `?`.
   */
  readonly schedule: string;
  readonly min: number;
  readonly max: number;
  /**
   * IANA time zone of `cron` and `at`, for instance `Europe/Berlin`.
   *
   * @default - UTC
   */
  readonly timezone?: string | undefined;
}

export interface CopyScalingProps {
  readonly componentName: string;
  readonly endpointName: string;
  readonly modelId: string;
  /** Minimum: 0, which lets the copies scale to zero and, unless `byLoad` is set, adds the step policy that leaves zero. */
  readonly minCopies: number;
  readonly maxCopies: number;
  /**
   * Target of scaling: requests in flight per copy.
   *
   * @default 8
   */
  readonly requestsPerCopy?: number | undefined;
  /**
   * Second target: thinking tokens that the requests of one copy may still use. They are known at admission, so this
   * target leads, while requests in flight lag. It only adds copies; requests in flight remove them.
   *
   * @default - no second target
   */
  readonly committedTokensPerCopy?: number | undefined;
  /**
   * Whether copies follow the function's metrics of missing and spare copies instead of the requests in flight. The
   * function knows the remaining work of every request; requests in flight only show the past.
   *
   * @default false
   */
  readonly byLoad?: boolean | undefined;
  /**
   * Ranges of copies that apply from scheduled times.
   *
   * @default - none
   */
  readonly schedule?: readonly ScheduledCopies[] | undefined;
  /**
   * Cooldown after copies were added. A copy takes minutes to start, so a shorter cooldown would add copies for the same
   * requests again.
   *
   * @default Duration.seconds(300)
   */
  readonly scaleOutCooldown?: Duration | undefined;
  /**
   * Cooldown after copies were removed.
   *
   * @default Duration.seconds(300)
   */
  readonly scaleInCooldown?: Duration | undefined;
  /** Requests to the component that found no copy. */
  readonly noCapacityMetric: IMetric;
  /**
   * Expected time from a request that finds no copy until the copy takes requests.
   *
   * @default Duration.minutes(15)
   */
  readonly coldStart?: Duration | undefined;
}

/**
 * Scales the copies of one component by the requests in flight per copy, and from zero as soon as a request finds no copy.
 *
 * Target tracking alone cannot leave zero, because its metric has no data without a copy.
 * https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-zero-instances.html
 */
export class CopyScaling extends Construct {
  /** Scalable target, to which scheduled actions and further policies attach. */
  readonly target: CfnScalableTarget;

  constructor(scope: Construct, id: string, props: CopyScalingProps) {
    super(scope, id);
    refuse(this, checkSchedule(props.modelId, (props.schedule ?? []).map(knownAtSynth)));
    // An L1, because the L2 creates a role, and SageMaker accepts only the service-linked role.
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
    // By load, the function wakes the endpoint itself, and MissingCopies adds the rest.
    if (leavesZero(props) && props.byLoad !== true) this.#leaveZero(props);
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
      // Without requests the function writes no data points, and no change is needed.
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
        // Without requests the metric has no data, and a policy without data would prevent the others from removing copies.
        disableScaleIn: true,
        scaleOutCooldown: (scaleOutCooldown ?? Duration.seconds(300)).toSeconds(),
      },
    });
  }

  /**
   * Adds the first copy once a request finds none. SageMaker counts such requests until the first copy runs, and a step policy
   * acts again for as long as its alarm is in ALARM, so the alarm counts them only while no copy is desired: the function
   * reports the desired copies, which CloudWatch does not have. The policy only adds, so it never lowers what a schedule,
   * another policy or an operator set. Clients that call the endpoint without the function have no report; for them the
   * cooldown is as long as the start of a copy.
   *
   * @see https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html
   */
  #leaveZero({ componentName, endpointName, modelId, noCapacityMetric, coldStart }: CopyScalingProps): void {
    const policy = new CfnScalingPolicy(this, 'FromZero', {
      policyName: `${componentName}-from-zero`,
      policyType: 'StepScaling',
      scalingTargetId: this.target.ref,
      stepScalingPolicyConfiguration: {
        adjustmentType: 'ChangeInCapacity',
        metricAggregationType: 'Maximum',
        cooldown: (coldStart ?? Duration.minutes(15)).toSeconds(),
        stepAdjustments: [{ metricIntervalLowerBound: 0, scalingAdjustment: 1 }],
      },
    });
    const period = Duration.seconds(30);
    const alarm = new Alarm(this, 'NoCapacity', {
      alarmDescription: `A request found no copy of ${componentName}, and none is starting: one is started.`,
      metric: new MathExpression({
        label: 'requests that found no copy while none was desired',
        // The last report holds until the next one, because a report may come later than the failures of its period.
        expression: 'IF(FILL(FILL(desired, REPEAT), 0) >= 1, 0, failures)',
        usingMetrics: {
          desired: budgetMetric('DesiredCopies', { endpointName, modelId }, { statistic: Stats.MAXIMUM, period }),
          failures: noCapacityMetric,
        },
        period,
      }),
      threshold: 1,
      evaluationPeriods: 1,
      datapointsToAlarm: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Without requests there are no data points, and no change is needed.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: policy.ref }) });
  }
}

function leavesZero({ minCopies, schedule = [] }: CopyScalingProps): boolean {
  return minCopies === 0 || schedule.some(({ min }) => min === 0);
}

/** Leaves out the expression and the time zone if they are CDK tokens, whose values are known only at deployment. */
function knownAtSynth(
  action: ScheduledCopies,
): Omit<ScheduledCopies, 'schedule'> & { readonly schedule: string | undefined } {
  const unknown = Token.isUnresolved(action.schedule) || Token.isUnresolved(action.timezone);
  return unknown ? { ...action, schedule: undefined } : action;
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
