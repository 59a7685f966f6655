import { Token } from 'aws-cdk-lib';
import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';
import { placeOf } from './host-place.ts';

/** Network of the function, as far as it is checked here. */
interface CheckedNetwork {
  readonly subnets: readonly unknown[];
  readonly securityGroups: readonly unknown[];
  /** If true, the network is known to have no route to the internet. */
  readonly isolated?: boolean | undefined;
}

/** A server or an endpoint that this app does not deploy. */
interface CheckedTarget {
  /** Id of the model. */
  readonly id: string;
  readonly field: string;
  readonly upstream: { readonly kind: string; readonly baseUrl?: string; readonly region?: string };
}

/** Refuses numbers of subnets and security groups that Lambda does not accept, and servers that an isolated network cannot reach. */
export function checkFunctionNetwork(
  region: string,
  network: CheckedNetwork | undefined,
  targets: readonly CheckedTarget[],
): readonly (Refusal | undefined)[] {
  if (network === undefined) return [];
  return [
    checkRange('function-vpc', 'The number of subnets of the function', network.subnets.length, limits.functionSubnets),
    checkRange(
      'function-vpc',
      'The number of security groups of the function',
      network.securityGroups.length,
      limits.functionSecurityGroups,
    ),
    ...(network.isolated === true ? targets.map((target) => unreachable(region, target)) : []),
  ];
}

function unreachable(region: string, { id, field, upstream }: CheckedTarget): Refusal | undefined {
  const { kind, baseUrl = '', region: home = region } = upstream;
  const place =
    kind === 'sagemaker'
      ? home === region || Token.isUnresolved(home)
        ? undefined
        : `an endpoint in ${home}`
      : Token.isUnresolved(baseUrl) || placeOf(new URL(baseUrl).hostname) !== 'public'
        ? undefined
        : new URL(baseUrl).host;
  if (place === undefined) return undefined;
  return {
    code: 'function-vpc-internet',
    sentence: `${field} of ${id} is ${place}, but the function is in a network without a route to the internet and could not reach it: write api.network of kind "existing" with subnets that have a NAT gateway, or leave api.network or the upstream out.`,
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html',
  };
}
