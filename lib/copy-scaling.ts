import { Duration } from 'aws-cdk-lib';
import { CfnScalableTarget, CfnScalingPolicy } from 'aws-cdk-lib/aws-applicationautoscaling';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';

export interface CopyScalingProps {
  readonly componentName: string;
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
    // An L1: the L2 makes a role of its own, where SageMaker takes the service-linked one only.
    this.target = new CfnScalableTarget(this, 'Target', {
      serviceNamespace: 'sagemaker',
      scalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
      resourceId: `inference-component/${props.componentName}`,
      minCapacity: props.minCopies,
      maxCapacity: props.maxCopies,
    });
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
    if (props.minCopies === 0) this.#leaveZero(props);
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
