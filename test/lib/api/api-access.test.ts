import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { aConfig, synthesize } from '../synthesize.ts';

describe('the access to the API', () => {
  it('a private API is reachable only through VPC endpoints', () => {
    const { api } = synthesize(aConfig({ api: { exposure: 'private', vpcEndpointIds: ['vpce-0123456789abcdef0'] } }));
    api.hasResourceProperties('AWS::ApiGateway::RestApi', {
      EndpointConfiguration: { Types: ['PRIVATE'], VpcEndpointIds: ['vpce-0123456789abcdef0'] },
      Policy: {
        Statement: [
          Match.objectLike({
            Effect: 'Allow',
            Condition: { StringEquals: { 'aws:SourceVpce': ['vpce-0123456789abcdef0'] } },
          }),
        ],
      },
    });
  });

  it('an edge API is reachable through CloudFront’s network', () => {
    const { api } = synthesize(aConfig({ api: { exposure: 'edge' } }));
    api.hasResourceProperties('AWS::ApiGateway::RestApi', { EndpointConfiguration: { Types: ['EDGE'] } });
  });

  it('a custom domain name becomes the base URL', () => {
    const certificateArn = 'arn:aws:acm:us-east-1:111122223333:certificate/c';
    const { api } = synthesize(aConfig({ api: { domain: { name: 'think.example.com', certificateArn } } }));
    api.hasResourceProperties('AWS::ApiGateway::DomainName', {
      DomainName: 'think.example.com',
      RegionalCertificateArn: certificateArn,
      SecurityPolicy: 'TLS_1_2',
    });
    api.hasOutput('BaseUrl', { Value: 'https://think.example.com/v1' });
    expect(Object.keys(api.findOutputs('DomainTarget'))).toHaveLength(1);
  });

  it('the firewall limits each IP address and accepts long prompts', () => {
    const { api } = synthesize(aConfig({ api: { firewall: { requestsPerFiveMinutes: 1_000 } } }));
    api.hasResourceProperties('AWS::WAFv2::WebACL', {
      Rules: [
        Match.objectLike({
          Statement: {
            ManagedRuleGroupStatement: { VendorName: 'AWS', Name: 'AWSManagedRulesAmazonIpReputationList' },
          },
        }),
        Match.objectLike({ Statement: { RateBasedStatement: { AggregateKeyType: 'IP', Limit: 1_000 } } }),
      ],
    });
    api.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
    expect(JSON.stringify(api.toJSON())).not.toContain('AWSManagedRulesCommonRuleSet');
  });

  it('a customer-managed key encrypts the bearer key and the environment, and the function may use it', () => {
    const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const { api } = synthesize(aConfig({ api: { kmsKeyArn } }));
    api.hasResourceProperties('AWS::SecretsManager::Secret', { KmsKeyId: kmsKeyArn });
    api.hasResourceProperties('AWS::Lambda::Function', { KmsKeyArn: kmsKeyArn });
    api.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([Match.objectLike({ Action: 'kms:Decrypt', Resource: kmsKeyArn })]),
      },
    });
  });
});
