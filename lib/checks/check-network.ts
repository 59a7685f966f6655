import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/**
 * Refuses more subnets and security groups than SageMaker accepts, and downloads over a network without internet.
 *
 * @param hubModels ids of the models that the container downloads from the hub
 */
export function checkNetwork(
  network:
    | {
        readonly subnets: readonly unknown[];
        readonly securityGroups: readonly unknown[];
        readonly isolated?: boolean | undefined;
      }
    | undefined,
  hubModels: readonly string[],
): readonly (Refusal | undefined)[] {
  if (network === undefined) return [];
  return [
    checkRange('vpc-size', 'The number of subnets', network.subnets.length, limits.subnets),
    checkRange('vpc-size', 'The number of security groups', network.securityGroups.length, limits.securityGroups),
    network.isolated && hubModels.length > 0
      ? {
          code: 'vpc-hub',
          sentence: `${hubModels.join(' and ')} would be downloaded from the hub, but the endpoint's network has no route to the internet: copy the weights to S3 and write { kind: "s3", uri }, or write the network of a VPC with a route to the internet.`,
          source: 'https://docs.aws.amazon.com/sagemaker/latest/dg/host-vpc.html',
        }
      : undefined,
  ];
}
