import { Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { type ISubnet, SecurityGroup, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { IsolatedNetwork } from '../../../lib/endpoint/network.ts';
import { ReasoningEndpoint } from '../../../lib/endpoint/reasoning-endpoint.ts';
import { aConfig, addStages, addTo, all, aModel, anApp, only, synthesize } from '../synthesize.ts';

const p5 = 'ml.p5.48xlarge';

describe('LoRA adapters', () => {
  const { endpoint, api, settingsFile } = synthesize(
    aConfig({ models: [aModel({ adapters: [{ id: 'law', uri: 's3://weights/law/adapter.tar.gz' }] })] }),
  );

  it('LoRA adapters are components on the component of their base model, without GPUs or copies of their own', () => {
    const adapter = all(endpoint, 'AWS::SageMaker::InferenceComponent').find(
      ({ InferenceComponentName }) => InferenceComponentName === 'stage-law',
    );
    expect(adapter).toEqual({
      InferenceComponentName: 'stage-law',
      EndpointName: expect.anything(),
      Specification: {
        BaseInferenceComponentName: 'stage-s1-32b',
        Container: { ArtifactUrl: 's3://weights/law/adapter.tar.gz' },
      },
      Tags: undefined,
    });
    endpoint.resourceCountIs('AWS::ApplicationAutoScaling::ScalableTarget', 1);
  });

  it('LoRA adapters are deployed after their base model, whose server loads them at run time', () => {
    endpoint.hasResource('AWS::SageMaker::InferenceComponent', {
      Properties: { InferenceComponentName: 'stage-law' },
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('Models132bComponent')]),
    });
    endpoint.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Environment: Match.objectLike({ SM_VLLM_ENABLE_LORA: 'true', VLLM_ALLOW_RUNTIME_LORA_UPDATING: 'true' }),
      },
    });
  });

  it('LoRA adapters are models of the API, invoked by their own component', () => {
    expect(settingsFile).toContain('"inferenceComponentName": "stage-law"');
    const functionPolicy = JSON.stringify(all(api, 'AWS::IAM::Policy'));
    expect(functionPolicy).toContain(':inference-component/stage-law');
  });
});

describe('fallback instance types', () => {
  const { endpoint } = synthesize(
    aConfig({
      region: 'us-west-2',
      endpoint: { instanceType: p5, fallbackInstanceTypes: ['ml.p5en.48xlarge'], provisionSeconds: 900 },
    }),
  );

  it('fallback instance types become pools in their order, which replace the single type', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InstanceType: Match.absent(),
          InstancePools: [
            { InstanceType: p5, Priority: 1 },
            { InstanceType: 'ml.p5en.48xlarge', Priority: 2 },
          ],
          VariantInstanceProvisionTimeoutInSeconds: 900,
        }),
      ],
    });
  });

  it('each fallback instance type has its own specification of the component', () => {
    const { Specification, Specifications } = only(endpoint, 'AWS::SageMaker::InferenceComponent');
    expect(Specification).toBeUndefined();
    expect(Specifications).toMatchObject([{ InstanceType: p5 }, { InstanceType: 'ml.p5en.48xlarge' }]);
  });
});

describe('a capacity reservation', () => {
  it('a capacity reservation excludes other instances', () => {
    const planArn = 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine';
    const { endpoint } = synthesize(
      aConfig({ endpoint: { instanceType: p5, capacityReservation: { planArn, instanceType: p5 } } }),
    );
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          CapacityReservationConfig: {
            CapacityReservationPreference: 'capacity-reservations-only',
            MlReservationArn: planArn,
          },
        }),
      ],
    });
  });
});

describe('a deployment', () => {
  const deployed = (deployment: NonNullable<ConfigInput['endpoint']>['deployment']) =>
    only(synthesize(aConfig({ endpoint: { instanceType: p5, deployment } })).endpoint, 'AWS::SageMaker::Endpoint');

  it('a deployment is all at once by default, with a bake time of five minutes', () => {
    expect(deployed(undefined)['DeploymentConfig']).toMatchObject({
      BlueGreenUpdatePolicy: { TrafficRoutingConfiguration: { Type: 'ALL_AT_ONCE', WaitIntervalInSeconds: 300 } },
    });
  });

  it.each([
    [
      { strategy: 'canary', percent: 10, bakeSeconds: 600 },
      {
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: {
            Type: 'CANARY',
            CanarySize: { Type: 'CAPACITY_PERCENT', Value: 10 },
            WaitIntervalInSeconds: 600,
          },
        },
      },
    ],
    [
      { strategy: 'linear', percent: 25 },
      {
        BlueGreenUpdatePolicy: {
          TrafficRoutingConfiguration: { Type: 'LINEAR', LinearStepSize: { Type: 'CAPACITY_PERCENT', Value: 25 } },
        },
      },
    ],
    [
      { strategy: 'rolling', percent: 50 },
      { RollingUpdatePolicy: { MaximumBatchSize: { Type: 'CAPACITY_PERCENT', Value: 50 } } },
    ],
  ] as const)('a deployment follows %j', (deployment, expected) => {
    expect(deployed(deployment)['DeploymentConfig']).toMatchObject(expected);
  });

  it('a deployment rolls back on an alarm that exists before the endpoint', () => {
    const { endpoint } = synthesize(aConfig());
    expect(only(endpoint, 'AWS::SageMaker::Endpoint')['DeploymentConfig']).toMatchObject({
      AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'stage-s1-32b-errors' }] },
    });
    endpoint.hasResourceProperties('AWS::CloudWatch::Alarm', { AlarmName: 'stage-s1-32b-errors' });
    endpoint.hasResource('AWS::SageMaker::Endpoint', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('Errors')]),
    });
  });

  it('a deployment of a model replaces its copies one by one', () => {
    const models = [aModel({ copies: { initial: 2, min: 2, max: 4 } })];
    synthesize(aConfig({ models })).endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      DeploymentConfig: { RollingUpdatePolicy: { MaximumBatchSize: { Type: 'COPY_COUNT', Value: 1 } } },
    });
  });
});

describe('scaling', () => {
  const { endpoint } = synthesize(
    aConfig({
      models: [
        aModel({
          scaling: {
            committedTokensPerCopy: 40_000,
            scaleInCooldownSeconds: 900,
            schedule: [
              { name: 'night', schedule: 'cron(0 20 ? * * *)', timezone: 'Europe/Berlin', min: 0, max: 1 },
              { name: 'morning', schedule: 'cron(0 7 ? * MON-FRI *)', timezone: 'Europe/Berlin', min: 2, max: 4 },
            ],
          },
        }),
      ],
    }),
  );

  it('scaling by committed tokens adds copies and never removes any', () => {
    endpoint.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      TargetTrackingScalingPolicyConfiguration: {
        CustomizedMetricSpecification: {
          Namespace: 'Budgetforce',
          MetricName: 'CommittedTokensPerCopy',
          Dimensions: [
            { Name: 'Endpoint', Value: 'stage' },
            { Name: 'Model', Value: 's1-32b' },
          ],
          Statistic: 'Average',
        },
        TargetValue: 40_000,
        DisableScaleIn: true,
      },
    });
  });

  it('a schedule changes the range of copies, and a schedule to zero adds the step that leaves zero', () => {
    const { ScheduledActions } = only(endpoint, 'AWS::ApplicationAutoScaling::ScalableTarget');
    expect(ScheduledActions).toEqual([
      {
        ScheduledActionName: 'night',
        Schedule: 'cron(0 20 ? * * *)',
        Timezone: 'Europe/Berlin',
        ScalableTargetAction: { MinCapacity: 0, MaxCapacity: 1 },
      },
      {
        ScheduledActionName: 'morning',
        Schedule: 'cron(0 7 ? * MON-FRI *)',
        Timezone: 'Europe/Berlin',
        ScalableTargetAction: { MinCapacity: 2, MaxCapacity: 4 },
      },
    ]);
    endpoint.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', { PolicyType: 'StepScaling' });
  });

  it('idle instances are released by the configured strategy', () => {
    const scaleIn = { strategy: 'consolidation', cooldownMinutes: 30 } as const;
    const { endpoint } = synthesize(aConfig({ endpoint: { instanceType: p5, scaleIn } }));
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          ManagedInstanceScaling: Match.objectLike({
            ScaleInPolicy: { Strategy: 'CONSOLIDATION', CooldownInMinutes: 30 },
          }),
        }),
      ],
    });
  });
});

describe('a network', () => {
  const isolated = aConfig({ endpoint: { instanceType: p5, network: { kind: 'isolated' } } });
  const vpcEndpoints = (template: Template) =>
    all(template, 'AWS::EC2::VPCEndpoint').map(({ ServiceName }) => JSON.stringify(ServiceName));

  it('an isolated network has VPC endpoints for weights, images, logs and metrics, and no route to the internet', () => {
    const { networkStack, endpointStack } = addStages(anApp(), isolated);
    const network = Template.fromStack(networkStack ?? none());
    for (const name of ['s3', 'ecr.api', 'ecr.dkr', 'logs', 'monitoring']) {
      expect(vpcEndpoints(network).some((service) => service.includes(`.${name}"`))).toBe(true);
    }
    network.resourceCountIs('AWS::EC2::InternetGateway', 0);
    network.resourceCountIs('AWS::EC2::NatGateway', 0);
    for (const type of ['AWS::SageMaker::Model', 'AWS::SageMaker::EndpointConfig']) {
      Template.fromStack(endpointStack ?? none()).hasResourceProperties(type, {
        VpcConfig: { Subnets: [Match.anyValue(), Match.anyValue()] },
      });
    }
  });

  it('the VPC is in a stack of its own, so that network interfaces that linger do not block the deletion of the endpoint', () => {
    const { networkStack, endpointStack } = addStages(anApp(), isolated);
    for (const type of ['VPC', 'Subnet', 'SecurityGroup', 'VPCEndpoint'].map((name) => `AWS::EC2::${name}`)) {
      Template.fromStack(endpointStack ?? none()).resourceCountIs(type, 0);
    }
    expect(networkStack?.stackName).toBe('stage-network');
    expect(endpointStack?.dependencies).toEqual([networkStack]);
  });

  it('the zones of an isolated network can be named', () => {
    const zones = ['us-east-1a', 'us-east-1c', 'us-east-1d'];
    const { networkStack } = addStages(
      anApp(),
      aConfig({ endpoint: { instanceType: p5, network: { kind: 'isolated', zones } } }),
    );
    const subnets = all(Template.fromStack(networkStack ?? none()), 'AWS::EC2::Subnet');
    expect(subnets.map(({ AvailabilityZone }) => AvailabilityZone)).toEqual(zones);
  });

  it('an isolated network accepts an existing VPC, with or without its VPC endpoints', () => {
    const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
    const vpc = Vpc.fromVpcAttributes(stack, 'Existing', {
      vpcId: 'vpc-0123456789abcdef0',
      vpcCidrBlock: '10.1.0.0/16',
      availabilityZones: ['us-east-1a', 'us-east-1b'],
      isolatedSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      isolatedSubnetRouteTableIds: ['rtb-0123456789abcdef0', 'rtb-0123456789abcdef1'],
    });
    const network = new IsolatedNetwork(stack, 'Network', { vpc });
    new IsolatedNetwork(stack, 'Bare', { vpc, vpcEndpoints: false });
    new ReasoningEndpoint(stack, 'Endpoint', { instanceType: p5, network, models: [aHostedModel] });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::EC2::VPC', 0);
    expect(vpcEndpoints(template)).toHaveLength(5);
    template.hasResourceProperties('AWS::SageMaker::Model', {
      VpcConfig: { Subnets: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'] },
    });
  });

  it('one subnet, or two in one zone, are refused by the construct', () => {
    const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
    const subnet = (id: string, availabilityZone: string) =>
      Subnet.fromSubnetAttributes(stack, id, { subnetId: `subnet-${id}`, availabilityZone });
    const securityGroups = [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-0123456789abcdef0')];
    const [a, b, c] = [subnet('a', 'us-east-1a'), subnet('b', 'us-east-1a'), subnet('c', 'us-east-1c')];
    const create = (id: string, ...subnets: ISubnet[]) =>
      new ReasoningEndpoint(stack, id, {
        instanceType: p5,
        network: { subnets, securityGroups },
        models: [aHostedModel],
      });
    expect(() => create('One', a)).toThrow(/one subnet \(subnet-a\), but .* write a second subnet in another zone/);
    expect(() => create('Zone', a, b)).toThrow(/2 subnets in the one zone us-east-1a, but .* another zone/);
    expect(() => create('Two', a, c)).not.toThrow();
  });

  it('an existing network is joined by network interfaces in its subnets only', () => {
    const subnetIds = ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'];
    const securityGroupIds = ['sg-0123456789abcdef0'];
    const { endpoint } = synthesize(
      aConfig({ endpoint: { instanceType: p5, network: { kind: 'existing', subnetIds, securityGroupIds } } }),
    );
    endpoint.hasResourceProperties('AWS::SageMaker::Model', {
      VpcConfig: { Subnets: subnetIds, SecurityGroupIds: securityGroupIds },
    });
    endpoint.resourceCountIs('AWS::EC2::VPC', 0);
    expect(JSON.stringify(all(endpoint, 'AWS::IAM::Policy'))).toContain(`:subnet/${subnetIds[0]}`);
  });
});

describe('LMI’s image', () => {
  it('LMI’s image gets the same settings under its own names', () => {
    const { endpoint } = synthesize(
      aConfig({
        models: [
          aModel({
            image: '0.36.0-lmi28.0.0-cu130',
            source: { kind: 'hub', id: 'a/b', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' },
          }),
        ],
      }),
    );
    const { PrimaryContainer } = only(endpoint, 'AWS::SageMaker::Model');
    expect(PrimaryContainer).toMatchSnapshot();
  });
});

describe('the timeouts of a component', () => {
  it('timeouts that fit the weights are set on the component', () => {
    const { endpoint } = synthesize(aConfig({ models: [aModel({ architecture: 'qwen2.5-32b' })] }));
    endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      Specification: {
        StartupParameters: { ModelDataDownloadTimeoutInSeconds: 660, ContainerStartupHealthCheckTimeoutInSeconds: 960 },
      },
    });
  });
});

describe('what is deployed again after a deletion', () => {
  it('no role may create log groups, so that a late write does not bring a deleted group back', () => {
    const config = aConfig({
      models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: {} } })],
      endpoint: { instanceType: p5, network: { kind: 'isolated' } },
    });
    const { networkStack, endpointStack, apiStack } = addStages(anApp(), config);
    for (const stack of [networkStack, endpointStack, apiStack]) {
      expect(JSON.stringify(Template.fromStack(stack ?? none()).toJSON())).not.toContain('CreateLogGroup');
    }
  });

  it('endpoint, components and adapters have their log groups before they start', () => {
    const { endpoint } = synthesize(
      aConfig({ models: [aModel({ adapters: [{ id: 'law', uri: 's3://weights/law.tar.gz' }] })] }),
    );
    const groups = Object.entries(endpoint.findResources('AWS::Logs::LogGroup'));
    const idOf = (name: string) => groups.find(([, { Properties }]) => Properties['LogGroupName'] === name)?.[0];
    const waitsFor = (type: string, group: string | undefined) =>
      Object.values(endpoint.findResources(type)).some(({ DependsOn }) => [DependsOn].flat().includes(group));
    expect(waitsFor('AWS::SageMaker::Endpoint', idOf('/aws/sagemaker/Endpoints/stage'))).toBe(true);
    for (const name of ['stage-s1-32b', 'stage-law']) {
      const group = idOf(`/aws/sagemaker/InferenceComponents/${name}`);
      expect(waitsFor('AWS::SageMaker::InferenceComponent', group)).toBe(true);
    }
  });

  it('Sids have no numbers of tokens', () => {
    const stack = new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
    const bucket = new Bucket(stack, 'Models');
    const source = { kind: 's3', uri: `s3://${bucket.bucketName}/s1/` } as const;
    new ReasoningEndpoint(stack, 'Endpoint', { instanceType: p5, models: [{ ...aHostedModel, source }] });
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).not.toMatch(/"Sid":"[^"]*TOKEN/i);
  });
});

describe('a token of the hub', () => {
  it('a warning of the synthesis says who can read it, and the alternative', () => {
    const source = {
      kind: 'hub',
      id: 'a/b',
      revision: 'c1899de289a04d12100db370d81485cdf75e47ca',
      tokenSecretName: 'hub-token',
    } as const;
    const { endpointStack } = addTo(anApp(), aConfig({ models: [aModel({ source })] }));
    Annotations.fromStack(endpointStack).hasWarning(
      '*',
      Match.stringLikeRegexp('sagemaker:DescribeModel can read it.*copy the weights to S3'),
    );
  });
});

const aHostedModel = {
  id: 'm',
  source: { kind: 's3', uri: 's3://weights/m/' },
  contextTokens: 4_096,
} as const;

function none(): never {
  throw new Error('The config has no such stack.');
}
