import type { CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';

/** Instances that were reserved by a SageMaker training plan. At the end of its window serving stops. */
export interface CapacityReservation {
  /** ARN of the training plan. */
  readonly planArn: string;
  /** The type that it reserves. */
  readonly instanceType: string;
}

/** How instances without work are given back. */
export interface ScaleIn {
  /**
   * `idle-release` stops instances that hold no copy. `consolidation` also moves copies together, so that instances become
   * free.
   */
  readonly strategy: 'idle-release' | 'consolidation';
  /**
   * Minutes between two rounds of consolidation, 5 to 1,440.
   *
   * @default - SageMaker's, 20
   */
  readonly cooldownMinutes?: number | undefined;
}

export function toScaleInPolicy({ strategy, cooldownMinutes }: ScaleIn): CfnEndpointConfig.ScaleInPolicyProperty {
  return {
    strategy: strategy === 'consolidation' ? 'CONSOLIDATION' : 'IDLE_RELEASE',
    ...(cooldownMinutes !== undefined && { cooldownInMinutes: cooldownMinutes }),
  };
}

/** Instance types in the order in which they are tried, the first one first. */
export function toInstancePools(instanceTypes: readonly string[]): CfnEndpointConfig.InstancePoolProperty[] {
  return instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 }));
}

export interface Capacity {
  readonly instanceType: string;
  readonly fallbackInstanceTypes: readonly string[];
  readonly provisionSeconds: number | undefined;
  readonly reservation: CapacityReservation | undefined;
  readonly scaleIn: ScaleIn | undefined;
  readonly region: string;
}

/** Types that a training plan can reserve: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeReservedCapacity.html */
const reservable = new Set([
  'ml.p4d.24xlarge',
  'ml.p4de.24xlarge',
  'ml.p5.4xlarge',
  'ml.p5.48xlarge',
  'ml.p5e.48xlarge',
  'ml.p5en.48xlarge',
  'ml.p6-b200.48xlarge',
]);

/** Refuses pools, reservations and times that SageMaker does not take. */
export function checkCapacity(capacity: Capacity): readonly (Refusal | undefined)[] {
  const { instanceType, fallbackInstanceTypes, provisionSeconds, reservation, scaleIn } = capacity;
  const pools = [instanceType, ...fallbackInstanceTypes];
  return [
    fallbackInstanceTypes.length === 0
      ? undefined
      : outside(
          'instance-pools',
          'The number of instance types with fallbackInstanceTypes',
          pools.length,
          limits.instancePools,
        ),
    twice(pools),
    provisionSeconds === undefined
      ? undefined
      : outside('provision-timeout', 'provisionSeconds', provisionSeconds, limits.provisionSeconds),
    scaleIn?.cooldownMinutes === undefined
      ? undefined
      : outside('scale-in-cooldown', 'scaleIn.cooldownMinutes', scaleIn.cooldownMinutes, limits.scaleInCooldownMinutes),
    ...(reservation === undefined ? [] : checkReservation(capacity, reservation)),
  ];
}

function twice(pools: readonly string[]): Refusal | undefined {
  const second = pools.find((type, index) => pools.indexOf(type) < index);
  if (second === undefined) return undefined;
  return {
    code: 'instance-pools',
    sentence: `instanceType and fallbackInstanceTypes name ${second} twice, but a type has one place in the order: write it once.`,
    source: limits.instancePools.source,
  };
}

function checkReservation(
  { instanceType, fallbackInstanceTypes, region }: Capacity,
  reservation: CapacityReservation,
): readonly (Refusal | undefined)[] {
  const source =
    'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantCapacityReservationConfig.html';
  const [, arnRegion] =
    /^arn:aws[a-z-]*:sagemaker:([a-z0-9-]+):\d{12}:training-plan\/.+$/.exec(reservation.planArn) ?? [];
  return [
    reservation.instanceType === instanceType
      ? undefined
      : {
          code: 'reservation-type',
          sentence: `capacityReservation reserves ${reservation.instanceType}, but instanceType is ${instanceType}, so the endpoint would find none of its kind: write instanceType "${reservation.instanceType}", or another plan.`,
          source,
        },
    reservable.has(reservation.instanceType)
      ? undefined
      : {
          code: 'reservation-type',
          sentence: `capacityReservation is of ${reservation.instanceType}, but training plans reserve ${[...reservable].join(', ')} only: leave capacityReservation out, or write one of these types.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeReservedCapacity.html',
        },
    arnRegion === region
      ? undefined
      : {
          code: 'reservation-arn',
          sentence: `capacityReservation.planArn is "${reservation.planArn}", which is no training plan of ${region}: write "arn:aws:sagemaker:${region}:<account>:training-plan/<name>".`,
          source,
        },
    fallbackInstanceTypes.length === 0
      ? undefined
      : {
          code: 'reservation-pools',
          sentence: `capacityReservation is set beside fallbackInstanceTypes (${fallbackInstanceTypes.join(', ')}), but a reservation is of one type and is used alone: write one of the two.`,
          source,
        },
  ];
}
