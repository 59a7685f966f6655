import { EndpointType, type RestApi, type RestApiProps, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';

/** Network access to the API, and its domain name. */
export interface ApiAccess {
  /**
   * `regional`: from the internet. `private`: only through `vpcEndpointIds`. `edge`: through CloudFront's network, which cuts
   * a stream that is idle for 30 seconds.
   *
   * @default 'regional'
   */
  readonly exposure?: 'regional' | 'private' | 'edge' | undefined;
  /**
   * Interface VPC endpoints of execute-api through which clients may call a private API.
   *
   * @default - none
   */
  readonly vpcEndpointIds?: readonly string[] | undefined;
  /**
   * Custom domain name. You create its DNS record, an alias of the output `DomainTarget`, in your hosted zone.
   *
   * @default - the domain name that API Gateway assigns
   */
  readonly domain?: { readonly name: string; readonly certificateArn: string } | undefined;
  /**
   * Web application firewall: AWS's IP reputation list, and a rate limit for each IP address.
   *
   * @default - none
   */
  readonly firewall?: { readonly requestsPerFiveMinutes: number } | undefined;
}

/** Converts the access to properties of the REST API. */
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

/** All methods of the API that has the policy. The API's own ARN is unknown before the API is created. */
export const PRIVATE_RESOURCE = 'execute-api:/*';

/**
 * Adds the custom domain name to the API.
 *
 * @returns the target of its DNS record; `undefined` without a domain
 */
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
 * Adds the firewall to the API. AWS's common rules are left out because they block bodies over 8 KB, which prompts exceed.
 *
 * https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 */
export function addFirewall(scope: Construct, restApi: RestApi, { firewall }: ApiAccess): void {
  if (firewall === undefined) return;
  const visibility = (metricName: string) => ({
    cloudWatchMetricsEnabled: true,
    metricName,
    sampledRequestsEnabled: false,
  });
  const acl = new CfnWebACL(scope, 'Firewall', {
    scope: 'REGIONAL',
    defaultAction: { allow: {} },
    visibilityConfig: visibility('Firewall'),
    rules: [
      {
        name: 'BadAddresses',
        priority: 0,
        overrideAction: { none: {} },
        statement: { managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesAmazonIpReputationList' } },
        visibilityConfig: visibility('BadAddresses'),
      },
      {
        name: 'RequestsOfAnAddress',
        priority: 1,
        action: { block: {} },
        statement: { rateBasedStatement: { aggregateKeyType: 'IP', limit: firewall.requestsPerFiveMinutes } },
        visibilityConfig: visibility('RequestsOfAnAddress'),
      },
    ],
  });
  new CfnWebACLAssociation(scope, 'FirewallAssociation', {
    webAclArn: acl.attrArn,
    resourceArn: restApi.deploymentStage.stageArn,
  });
}
