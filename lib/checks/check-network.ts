import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** A subnet, as far as it is checked here. */
interface CheckedSubnet {
  readonly subnetId: string;
  /** `undefined` if the zone is not known at synth. */
  readonly zone: string | undefined;
}

/**
 * Refuses numbers of subnets and security groups that SageMaker does not accept, subnets in one zone, and downloads over a
 * network without internet.
 *
 * @param hubModels ids of the models that the container downloads from the hub
 */
export function checkNetwork(
  network:
    | {
        readonly subnets: readonly CheckedSubnet[];
        readonly securityGroups: readonly unknown[];
        readonly isolated?: boolean | undefined;
      }
    | undefined,
  hubModels: readonly string[],
): readonly (Refusal | undefined)[] {
  if (network === undefined) return [];
  return [
    network.subnets.length === 1
      ? undefined
      : checkRange('vpc-size', 'The number of subnets', network.subnets.length, limits.subnets),
    checkRange('vpc-size', 'The number of security groups', network.securityGroups.length, limits.securityGroups),
    checkZones(network.subnets),
    network.isolated && hubModels.length > 0
      ? {
          code: 'vpc-hub',
          sentence: `${hubModels.join(' and ')} would be downloaded from the hub, but the endpoint's network has no route to the internet: copy the weights to S3 and write { kind: "s3", uri }, or write the network of a VPC with a route to the internet.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html',
        }
      : undefined,
  ];
}

/** Refuses subnets of one zone: SageMaker needs two zones, however few instances there are. */
function checkZones(subnets: readonly CheckedSubnet[]): Refusal | undefined {
  const zones = new Set(subnets.map(({ zone }) => zone));
  const ids = new Set(subnets.map(({ subnetId }) => subnetId));
  const [zone] = zones;
  const oneZone = subnets.length > 1 && zones.size === 1 && zone !== undefined;
  // Zero subnets are a wrong number, which checkRange reports.
  if (ids.size === 0 || (ids.size >= limits.subnets.min && !oneZone)) return undefined;
  return {
    code: 'vpc-zones',
    sentence: `network.subnetIds has ${oneZone ? `${subnets.length} subnets in the one zone ${zone}` : `one subnet (${[...ids].join()})`}, but SageMaker needs at least two subnets in different zones, even for one instance: write a second subnet in another zone.`,
    source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html',
  };
}
