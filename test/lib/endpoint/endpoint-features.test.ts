import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';

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
    synthesize(aConfig()).endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
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
  it('an isolated network has VPC endpoints for weights, images, logs and metrics, and no route to the internet', () => {
    const { endpoint } = synthesize(aConfig({ endpoint: { instanceType: p5, network: { kind: 'isolated' } } }));
    const services = all(endpoint, 'AWS::EC2::VPCEndpoint').map(({ ServiceName }) => JSON.stringify(ServiceName));
    for (const name of ['s3', 'ecr.api', 'ecr.dkr', 'logs', 'monitoring']) {
      expect(services.some((service) => service.includes(`.${name}"`))).toBe(true);
    }
    endpoint.resourceCountIs('AWS::EC2::InternetGateway', 0);
    endpoint.resourceCountIs('AWS::EC2::NatGateway', 0);
    for (const type of ['AWS::SageMaker::Model', 'AWS::SageMaker::EndpointConfig']) {
      endpoint.hasResourceProperties(type, { VpcConfig: { Subnets: [Match.anyValue(), Match.anyValue()] } });
    }
  });

  it('an existing network is joined by network interfaces in its subnets only', () => {
    const subnetIds = ['subnet-0123456789abcdef0'];
    const securityGroupIds = ['sg-0123456789abcdef0'];
    const { endpoint } = synthesize(
      aConfig({ endpoint: { instanceType: p5, network: { kind: 'existing', subnetIds, securityGroupIds } } }),
    );
    endpoint.hasResourceProperties('AWS::SageMaker::Model', {
      VpcConfig: { Subnets: subnetIds, SecurityGroupIds: securityGroupIds },
    });
    endpoint.resourceCountIs('AWS::EC2::VPC', 0);
    expect(JSON.stringify(only(endpoint, 'AWS::IAM::Policy'))).toContain(`:subnet/${subnetIds[0]}`);
  });
});

describe('LMI’s image', () => {
  it('LMI’s image gets the same settings under its own names', () => {
    const { endpoint } = synthesize(
      aConfig({ models: [aModel({ image: '0.36.0-lmi28.0.0-cu130', source: { kind: 'hub', id: 'a/b' } })] }),
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
