import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../../lib/config.ts';
import { aConfig, addStages, all, aModel, anApp, only } from '../synthesize.ts';

const subnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
const existing = { kind: 'existing' as const, subnetIds, securityGroupIds: ['sg-0123456789abcdef0'] };

describe('the function in a network', () => {
  it('has interfaces in given subnets, which Lambda may make and its own code may not', () => {
    const api = apiOf({ api: { network: existing } });
    expect(only(api, 'AWS::Lambda::Function')['VpcConfig']).toEqual({
      SubnetIds: subnetIds,
      SecurityGroupIds: ['sg-0123456789abcdef0'],
    });
    const statement = (Effect: string) =>
      Match.objectLike({ Effect, Resource: '*', Action: Match.arrayWith(['ec2:CreateNetworkInterface']) });
    api.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: { Statement: Match.arrayWith([statement('Allow'), statement('Deny')]) },
    });
    const { PolicyDocument } = only(api, 'AWS::IAM::Policy');
    const denied = (PolicyDocument as { Statement: { Effect: string; Condition?: unknown }[] }).Statement.filter(
      ({ Effect }) => Effect === 'Deny',
    );
    expect(JSON.stringify(denied[0]?.Condition)).toContain('lambda:SourceFunctionArn');
  });

  it('is created after its role may make them', () => {
    const api = apiOf({ api: { network: existing } });
    const [handler] = Object.values(api.findResources('AWS::Lambda::Function'));
    const [policy] = Object.keys(api.findResources('AWS::IAM::Policy'));
    expect((handler as { DependsOn: string[] }).DependsOn).toContain(policy);
  });

  it('is outside of all networks by default', () => {
    const api = apiOf({});
    expect(only(api, 'AWS::Lambda::Function')).not.toHaveProperty('VpcConfig');
    expect(JSON.stringify(api.toJSON())).not.toContain('ec2:');
  });

  it('is in the existing network of the endpoint', () => {
    const api = apiOf({
      endpoint: { instanceType: 'ml.p5.48xlarge', network: existing },
      api: { network: { kind: 'endpoint' } },
    });
    expect(only(api, 'AWS::Lambda::Function')['VpcConfig']).toMatchObject({ SubnetIds: subnetIds });
  });

  it.each([
    [
      'always',
      { copies: { min: 1 } },
      ['sagemaker.runtime', 'secretsmanager'],
      ['sagemaker.api', 'application-autoscaling'],
    ],
    ['to zero', { copies: { min: 0, max: 2 } }, ['sagemaker.runtime', 'sagemaker.api', 'application-autoscaling'], []],
  ] as const)(
    'in an isolated network, an endpoint is there for each service that it calls: copies %s',
    (_, changes, has, hasNot) => {
      const { network, api } = isolated([aModel(changes)]);
      const services = all(network, 'AWS::EC2::VPCEndpoint').map(({ ServiceName }) => JSON.stringify(ServiceName));
      for (const service of [...has, 'dynamodb', 's3'])
        expect(services.filter((name) => name.includes(`.${service}"`))).toHaveLength(1);
      for (const service of hasNot) expect(services.filter((name) => name.includes(`.${service}"`))).toHaveLength(0);
      expect(JSON.stringify(only(api, 'AWS::Lambda::Function')['VpcConfig'])).toContain('stage-network');
    },
  );

  it('an isolated network without the function has none of them', () => {
    const { networkStack } = addStages(anApp(), aConfig({ endpoint: isolatedEndpoint }));
    const names = JSON.stringify(all(Template.fromStack(networkStackOf(networkStack)), 'AWS::EC2::VPCEndpoint'));
    expect(names).not.toMatch(/sagemaker|dynamodb|secretsmanager/);
  });

  it('reaches servers at private addresses, also without TLS', () => {
    const upstream = { kind: 'openai-compatible', baseUrl: 'http://10.0.3.7:8000/v1' } as const;
    const config = { models: [aModel({ fallbacks: [{ upstream }] })], api: { network: existing } };
    expect(() => apiOf(config)).not.toThrow();
    expect(() => apiOf({ ...config, api: {} })).toThrow(/put the function into its network \(api.network\)/);
  });

  it('needs a network of the endpoint, if it is to be in it', () => {
    expect(() => parseConfig(aConfig({ api: { network: { kind: 'endpoint' } } }))).toThrow(
      /endpoint\.network is missing/,
    );
  });
});

const isolatedEndpoint = { instanceType: 'ml.p5.48xlarge', network: { kind: 'isolated' } } as const;

function apiOf(changes: Partial<ConfigInput>): Template {
  return Template.fromStack(addStages(anApp(), aConfig(changes)).apiStack);
}

function isolated(models: ConfigInput['models']) {
  const config = aConfig({ endpoint: isolatedEndpoint, models, api: { network: { kind: 'endpoint' } } });
  const { networkStack, apiStack } = addStages(anApp(), config);
  return { network: Template.fromStack(networkStackOf(networkStack)), api: Template.fromStack(apiStack) };
}

function networkStackOf(stack: ReturnType<typeof addStages>['networkStack']) {
  if (stack === undefined) throw new Error('The config has no isolated network.');
  return stack;
}
