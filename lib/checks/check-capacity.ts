import { limits } from '../facts/aws-limits.ts';
import { RESERVABLE_TYPES_SOURCE, reservableInstanceTypes } from '../facts/instance-types.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** Instances that an endpoint asks SageMaker for. */
export interface CheckedCapacity {
  readonly region: string;
  readonly instanceType: string;
  readonly fallbackInstanceTypes: readonly string[];
  readonly provisionSeconds: number | undefined;
  readonly reservation: { readonly planArn: string; readonly instanceType: string } | undefined;
  readonly scaleIn: { readonly cooldownMinutes?: number | undefined } | undefined;
}

/** Refuses pools, reservations and times that SageMaker does not accept. */
export function checkCapacity(capacity: CheckedCapacity): readonly (Refusal | undefined)[] {
  const { instanceType, fallbackInstanceTypes, provisionSeconds, reservation, scaleIn } = capacity;
  const pools = [instanceType, ...fallbackInstanceTypes];
  return [
    fallbackInstanceTypes.length === 0
      ? undefined
      : checkRange(
          'instance-pools',
          'The number of instance types, fallbackInstanceTypes included,',
          pools.length,
          limits.instancePools,
        ),
    checkRepeatedType(pools),
    provisionSeconds === undefined
      ? undefined
      : checkRange('provision-timeout', 'provisionSeconds', provisionSeconds, limits.provisionSeconds),
    scaleIn?.cooldownMinutes === undefined
      ? undefined
      : checkRange(
          'scale-in-cooldown',
          'scaleIn.cooldownMinutes',
          scaleIn.cooldownMinutes,
          limits.scaleInCooldownMinutes,
        ),
    ...(reservation === undefined ? [] : checkReservation(capacity, reservation)),
  ];
}

function checkRepeatedType(pools: readonly string[]): Refusal | undefined {
  const repeated = pools.find((type, index) => pools.indexOf(type) < index);
  if (repeated === undefined) return undefined;
  return {
    code: 'instance-pools',
    sentence: `instanceType and fallbackInstanceTypes name ${repeated} twice, but a type has one priority: write it once.`,
    source: limits.instancePools.source,
  };
}

function checkReservation(
  { instanceType, fallbackInstanceTypes, region }: CheckedCapacity,
  reservation: NonNullable<CheckedCapacity['reservation']>,
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
          sentence: `capacityReservation reserves ${reservation.instanceType}, but instanceType is ${instanceType}, so the endpoint would find no reserved instance: write instanceType "${reservation.instanceType}", or another plan.`,
          source,
        },
    reservableInstanceTypes.includes(reservation.instanceType)
      ? undefined
      : {
          code: 'reservation-type',
          sentence: `capacityReservation is for ${reservation.instanceType}, but training plans reserve only ${reservableInstanceTypes.join(', ')}: leave capacityReservation out, or write one of these types.`,
          source: RESERVABLE_TYPES_SOURCE,
        },
    arnRegion === region
      ? undefined
      : {
          code: 'reservation-arn',
          sentence: `capacityReservation.planArn is "${reservation.planArn}", which is not a training plan of ${region}: write "arn:aws:sagemaker:${region}:<account>:training-plan/<name>".`,
          source,
        },
    fallbackInstanceTypes.length === 0
      ? undefined
      : {
          code: 'reservation-pools',
          sentence: `capacityReservation and fallbackInstanceTypes (${fallbackInstanceTypes.join(', ')}) are both set, but an endpoint with a reservation uses only its one type: write one of the two.`,
          source,
        },
  ];
}
