import { Stack } from 'aws-cdk-lib';
import { EndpointType, type RestApi, type RestApiProps, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import { limits, outside } from '../facts/aws-limits.ts';
import type { Refusal } from '../facts/refusal.ts';

/** From where, and under which name, the API is reached. */
export interface ApiAccess {
  /**
   * `regional`: from the internet. `private`: through `vpcEndpointIds` only. `edge`: through CloudFront's network, which cuts a
   * stream that is silent for 30 seconds.
   *
   * @default 'regional'
   */
  readonly exposure?: 'regional' | 'private' | 'edge' | undefined;
  /**
   * Interface endpoints of execute-api that may call a private API.
   *
   * @default - none
   */
  readonly vpcEndpointIds?: readonly string[] | undefined;
  /**
   * A name of one's own. Its DNS record, an alias of the output `DomainTarget`, is made where the zone is.
   *
   * @default - the name that API Gateway gives
   */
  readonly domain?: { readonly name: string; readonly certificateArn: string } | undefined;
  /**
   * A web firewall: AWS's list of addresses with a bad name, and a limit for each address.
   *
   * @default - none
   */
  readonly firewall?: { readonly requestsPerFiveMinutes: number } | undefined;
}

/** The properties of the REST API that the access means. */
export function accessProps(scope: Construct, access: ApiAccess): Partial<RestApiProps> {
  const ids = access.vpcEndpointIds ?? [];
  switch (access.exposure) {
    case 'private':
      return {
        endpointConfiguration: {
          types: [EndpointType.PRIVATE],
          vpcEndpoints: ids.map((id) =>
            InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(scope, id, { vpcEndpointId: id, port: 443 }),
          ),
        },
        policy: new PolicyDocument({
          statements: [
            new PolicyStatement({
              principals: [new AnyPrincipal()],
              actions: ['execute-api:Invoke'],
              resources: [PRIVATE_RESOURCE],
              conditions: { StringEquals: { 'aws:SourceVpce': ids } },
            }),
          ],
        }),
      };
    case 'edge':
      return { endpointTypes: [EndpointType.EDGE] };
    case 'regional':
    case undefined:
      return { endpointTypes: [EndpointType.REGIONAL] };
  }
}

/** Every method of the API that the policy is on: its own ARN is not known before it is made. */
export const PRIVATE_RESOURCE = 'execute-api:/*';

/** Gives the API its name. @returns what its DNS record points to. */
export function addDomain(restApi: RestApi, { domain }: ApiAccess): string | undefined {
  if (domain === undefined) return undefined;
  return restApi.addDomainName('Domain', {
    domainName: domain.name,
    certificate: Certificate.fromCertificateArn(restApi, 'Certificate', domain.certificateArn),
    endpointType: EndpointType.REGIONAL,
    securityPolicy: SecurityPolicy.TLS_1_2,
  }).domainNameAliasDomainName;
}

/**
 * Puts the firewall before the API. AWS's common rules are left out: they block bodies over 8 KB, which prompts are.
 *
 * https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 */
export function addFirewall(scope: Construct, restApi: RestApi, { firewall }: ApiAccess): void {
  if (firewall === undefined) return;
  const watched = (metricName: string) => ({
    cloudWatchMetricsEnabled: true,
    metricName,
    sampledRequestsEnabled: false,
  });
  const acl = new CfnWebACL(scope, 'Firewall', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: watched('Firewall'),
    rules: [
      {
        name: 'BadAddresses',
        priority: 0,
        overrideAction: { none: {} },
        statement: { managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesAmazonIpReputationList' } },
        visibilityConfig: watched('BadAddresses'),
      },
      {
        name: 'RequestsOfAnAddress',
        priority: 1,
        action: { block: {} },
        statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: firewall.requestsPerFiveMinutes } },
        visibilityConfig: watched('RequestsOfAnAddress'),
      },
    ],
  });
  new CfnWebACLAssociation(scope, 'FirewallAssociation', {
    webAclArn: acl.attrArn,
    resourceArn: restApi.deploymentStage.stageArn,
  });
}

/** Refuses silence that an edge endpoint cuts, and an access that nobody would have. */
export function checkAccess(
  scope: Construct,
  access: ApiAccess,
  keepAliveSeconds: number,
): readonly (Refusal | undefined)[] {
  const { exposure, vpcEndpointIds = [], domain, firewall } = access;
  const { region } = Stack.of(scope);
  const finding = (sentence: string): Refusal => ({
    code: 'api-access',
    sentence,
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html',
  });
  return [
    exposure === 'edge'
      ? outside('edge-silence', 'keepAliveSeconds with exposure "edge"', keepAliveSeconds, limits.edgeSilentSeconds)
      : undefined,
    exposure === 'private' && vpcEndpointIds.length === 0
      ? finding(
          'exposure is "private", but no vpcEndpointIds say through which endpoints it is called, so nobody could: write the ids of interface endpoints of execute-api.',
        )
      : undefined,
    exposure !== 'private' && vpcEndpointIds.length > 0
      ? finding(
          `vpcEndpointIds are written, but exposure is "${exposure ?? 'regional'}", so the API would be open to the internet: write exposure "private", or leave vpcEndpointIds out.`,
        )
      : undefined,
    exposure === 'private' && domain !== undefined
      ? finding(
          `domain "${domain.name}" is for a private API, whose names are another kind of domain that this version does not make: leave domain out, or write exposure "regional".`,
        )
      : undefined,
    domain !== undefined &&
    !new RegExp(`^arn:[a-z-]+:acm:${region}:\\d{12}:certificate/.+$`).test(domain.certificateArn)
      ? finding(
          `domain.certificateArn is "${domain.certificateArn}", which is no certificate of ACM in ${region}, where a regional name takes its own: write "arn:aws:acm:${region}:<account>:certificate/<id>".`,
        )
      : undefined,
    firewall === undefined
      ? undefined
      : outside(
          'firewall-rate',
          'firewall.requestsPerFiveMinutes',
          firewall.requestsPerFiveMinutes,
          limits.firewallRate,
        ),
  ];
}
