import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { offeredIn } from '../../../lib/facts/instance-regions.ts';
import { accelerate, accelerationNames } from '../../../lib/serving/accelerations.ts';
import { architectures, parameters } from '../../../lib/serving/architecture.ts';
import { gpuMemory } from '../../../lib/serving/gpu-memory.ts';
import { fittingTimeouts } from '../../../lib/serving/startup-timeouts.ts';
import { vllmEnvironment } from '../../../lib/serving/vllm-environment.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';

const p5 = 'ml.p5.48xlarge';

describe('LoRA adapters', () => {
  const { endpoint, api } = synthesize(
    aConfig({ models: [aModel({ adapters: [{ id: 'law', uri: 's3://weights/law/adapter.tar.gz' }] })] }),
  );

  it('are components on the component of their base, without GPUs or copies of their own', () => {
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

  it('come after their base, whose server loads them while it runs', () => {
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

  it('are models of the API, invoked by their own component', () => {
    const { Environment } = only(api, 'AWS::Lambda::Function');
    const value = JSON.stringify(Environment);
    expect(value).toContain('stage-law');
    const functionPolicy = JSON.stringify(all(api, 'AWS::IAM::Policy'));
    expect(functionPolicy).toContain(':inference-component/stage-law');
  });
});

describe('instance types to fall back to', () => {
  const { endpoint } = synthesize(
    aConfig({
      region: 'us-west-2',
      endpoint: { instanceType: p5, fallbackInstanceTypes: ['ml.p5en.48xlarge'], provisionSeconds: 900 },
    }),
  );

  it('are pools in their order, and replace the one type', () => {
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

  it('each have a specification of the component', () => {
    const { Specification, Specifications } = only(endpoint, 'AWS::SageMaker::InferenceComponent');
    expect(Specification).toBeUndefined();
    expect(Specifications).toMatchObject([{ InstanceType: p5 }, { InstanceType: 'ml.p5en.48xlarge' }]);
  });
});

describe('a capacity reservation', () => {
  it('is used alone', () => {
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
  const deployed = (deployment: ConfigInput['endpoint']['deployment']) =>
    only(synthesize(aConfig({ endpoint: { instanceType: p5, deployment } })).endpoint, 'AWS::SageMaker::Endpoint');

  it('is by default all at once, watched for five minutes', () => {
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
  ] as const)('goes as %j says', (deployment, expected) => {
    expect(deployed(deployment)['DeploymentConfig']).toMatchObject(expected);
  });

  it('goes back on an alarm that exists, and that the endpoint waits for', () => {
    const { endpoint } = synthesize(aConfig());
    expect(only(endpoint, 'AWS::SageMaker::Endpoint')['DeploymentConfig']).toMatchObject({
      AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'stage-s1-32b-errors' }] },
    });
    endpoint.hasResourceProperties('AWS::CloudWatch::Alarm', { AlarmName: 'stage-s1-32b-errors' });
    endpoint.hasResource('AWS::SageMaker::Endpoint', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('Errors')]),
    });
  });

  it('of a model goes copy by copy', () => {
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

  it('adds copies by committed tokens, which never remove any', () => {
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

  it('changes the range by the clock, and leaves zero where the clock goes there', () => {
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

  it('gives instances back as it is told', () => {
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
  it('of its own has endpoints for weights, images, logs and metrics, and no way out', () => {
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

  it('of yours is joined by interfaces in these subnets only', () => {
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

describe('accelerations', () => {
  const variables = (settings: Parameters<typeof vllmEnvironment>[0]) =>
    vllmEnvironment(settings, { servedModelName: 'm', contextTokens: 4_096, server: 'vllm' });

  it.each([
    ['fp8-weights', { SM_VLLM_QUANTIZATION: 'fp8' }],
    ['fp8-kv-cache', { SM_VLLM_KV_CACHE_DTYPE: 'fp8' }],
    ['prefix-caching', { SM_VLLM_ENABLE_PREFIX_CACHING: 'true' }],
    ['chunked-prefill', { SM_VLLM_ENABLE_CHUNKED_PREFILL: 'true' }],
    [
      'ngram-speculation',
      { SM_VLLM_SPECULATIVE_CONFIG: '{"method":"ngram","num_speculative_tokens":4,"prompt_lookup_max":4}' },
    ],
  ] as const)('are one word each: %s', (word, expected) => {
    expect(variables({ accelerations: [word] })).toMatchObject(expected);
  });

  it('draft with a small model', () => {
    const { SM_VLLM_SPECULATIVE_CONFIG } = variables({
      accelerations: ['draft-model'],
      draftModel: 'a/b',
      draftTokens: 6,
    });
    expect(JSON.parse(SM_VLLM_SPECULATIVE_CONFIG ?? '')).toEqual({
      method: 'draft_model',
      model: 'a/b',
      num_speculative_tokens: 6,
    });
  });

  it('give way to what is written beside them', () => {
    expect(
      accelerate({ accelerations: [...accelerationNames], quantization: 'awq', prefixCaching: false }),
    ).toMatchObject({
      quantization: 'awq',
      prefixCaching: false,
    });
  });
});

describe('LMI’s image', () => {
  it('is told the same in its own words', () => {
    const { endpoint } = synthesize(
      aConfig({ models: [aModel({ image: '0.36.0-lmi28.0.0-cu130', source: { kind: 'hub', id: 'a/b' } })] }),
    );
    const { PrimaryContainer } = only(endpoint, 'AWS::SageMaker::Model');
    expect(PrimaryContainer).toMatchSnapshot();
  });
});

describe('the memory of a GPU', () => {
  it.each([
    ['qwen2.5-7b', 7.62],
    ['qwen2.5-32b', 32.8],
    ['qwen3-8b', 8.19],
    ['qwen3-32b', 32.8],
    ['llama3-8b', 8.03],
    ['llama3-70b', 70.6],
  ] as const)('is counted from as many weights as %s is published with: %s billion', (name, billions) => {
    const { linear, embedding } = parameters(architectures[name]);
    expect((linear + embedding) / 1e9).toBeCloseTo(billions, 1);
  });

  it('holds the KV cache that s1-32B needs on two H100', () => {
    const memory = gpuMemory(architectures['qwen2.5-32b'], { tensorParallel: 2 }, p5);
    // 2 (keys and values) × 64 layers × 4 of 8 heads × 128 × 2 bytes.
    expect(memory?.cachePerToken).toBe(131_072);
    expect(memory?.cacheTokens).toBeGreaterThan(9 * 32_768);
  });

  it('holds whole heads where GPUs are more than they', () => {
    const cache = (tensorParallel: number) =>
      gpuMemory(architectures['qwen2.5-7b'], { tensorParallel }, p5)?.cachePerToken;
    expect(cache(8)).toBe(cache(4));
  });
});

describe('timeouts', () => {
  const s3 = { kind: 's3', uri: 's3://b/p/' } as const;
  const hub = { kind: 'hub', id: 'a/b' } as const;

  it('grow with the weights, up to what SageMaker takes', () => {
    const gib = 1024 ** 3;
    expect(fittingTimeouts(61 * gib, s3)).toEqual({ downloadSeconds: 660, startupSeconds: 960 });
    expect(fittingTimeouts(61 * gib, hub)).toEqual({ downloadSeconds: 660, startupSeconds: 2_160 });
    expect(fittingTimeouts(500 * gib, hub)).toEqual({ downloadSeconds: 3_600, startupSeconds: 3_600 });
  });

  it('are those of the component', () => {
    const { endpoint } = synthesize(aConfig({ models: [aModel({ architecture: 'qwen2.5-32b' })] }));
    endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', {
      Specification: {
        StartupParameters: { ModelDataDownloadTimeoutInSeconds: 660, ContainerStartupHealthCheckTimeoutInSeconds: 960 },
      },
    });
  });
});

describe('regions', () => {
  it.each([
    ['ml.p5.48xlarge', 'us-east-1', true],
    ['ml.p5.4xlarge', 'eu-west-2', true],
    ['ml.p5en.48xlarge', 'eu-west-2', false],
    ['ml.p5.48xlarge', 'us-iso-east-1', undefined],
  ])('of %s: in %s %s', (type, region, expected) => {
    expect(offeredIn(type, region)).toBe(expected);
  });
});
