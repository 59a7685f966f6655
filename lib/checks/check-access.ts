import { limits } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';
import { checkRange } from './check-range.ts';

/** Access to the API, as far as it is checked here. */
interface CheckedAccess {
  readonly exposure?: 'regional' | 'private' | 'edge' | undefined;
  readonly vpcEndpointIds?: readonly string[] | undefined;
  readonly domain?: { readonly name: string; readonly certificateArn: string } | undefined;
  readonly firewall?: { readonly requestsPerFiveMinutes: number } | undefined;
}

/** Refuses an exposure that does not fit its settings, and settings of an access that AWS does not accept. */
export function checkAccess(
  region: string,
  access: CheckedAccess,
  keepAliveSeconds: number,
): readonly (Refusal | undefined)[] {
  const { exposure, firewall } = access;
  return [
    exposure === 'edge'
      ? checkRange('edge-silence', 'keepAliveSeconds with exposure "edge"', keepAliveSeconds, limits.edgeIdleSeconds)
      : undefined,
    ...checkVpcEndpoints(access),
    ...checkDomain(region, access),
    firewall === undefined
      ? undefined
      : checkRange(
          'firewall-rate',
          'firewall.requestsPerFiveMinutes',
          firewall.requestsPerFiveMinutes,
          limits.firewallRate,
        ),
  ];
}

function checkVpcEndpoints({ exposure, vpcEndpointIds = [] }: CheckedAccess): readonly (Refusal | undefined)[] {
  return [
    exposure === 'private' && vpcEndpointIds.length === 0
      ? finding(
          'exposure is "private", but vpcEndpointIds is empty, so no client could reach the API: write the ids of interface endpoints of execute-api.',
        )
      : undefined,
    exposure !== 'private' && vpcEndpointIds.length > 0
      ? finding(
          `vpcEndpointIds is set, but exposure is "${exposure ?? 'regional'}", so the API would be open to the internet: write exposure "private", or leave vpcEndpointIds out.`,
        )
      : undefined,
  ];
}

function checkDomain(region: string, { exposure, domain }: CheckedAccess): readonly (Refusal | undefined)[] {
  if (domain === undefined) return [];
  return [
    exposure === 'private'
      ? finding(
          `domain "${domain.name}" is set for a private API, which needs a private custom domain name, and this version does not create those: leave domain out, or write exposure "regional".`,
        )
      : undefined,
    new RegExp(`^arn:[a-z-]+:acm:${region}:\\d{12}:certificate/.+$`).test(domain.certificateArn)
      ? undefined
      : finding(
          `domain.certificateArn is "${domain.certificateArn}", but a regional domain name needs an ACM certificate of ${region}: write "arn:aws:acm:${region}:<account>:certificate/<id>".`,
        ),
  ];
}

function finding(sentence: string): Refusal {
  return {
    code: 'api-access',
    sentence,
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html',
  };
}
