import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { ReasoningEndpoint } from '../../../lib/endpoint/reasoning-endpoint.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';

const scalingToZero = aConfig({
  endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 0, max: 1 } },
  models: [aModel({ copies: { initial: 1, min: 0, max: 4 } })],
});

describe('the endpoint stack', () => {
  const { endpoint } = synthesize(aConfig());

  it('the endpoint hosts s1-32B on two of eight H100, with the AMI that CUDA 13 needs', () => {
    const { ProductionVariants } = only(endpoint, 'AWS::SageMaker::EndpointConfig');
    expect(ProductionVariants).toMatchSnapshot('variant');
    const { PrimaryContainer } = only(endpoint, 'AWS::SageMaker::Model');
    expect(PrimaryContainer).toMatchSnapshot('container');
    expect(only(endpoint, 'AWS::SageMaker::InferenceComponent')).toMatchSnapshot('component');
  });

  it('the endpoint config has a role, without which components cannot be created', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', { ExecutionRoleArn: Match.anyValue() });
  });

  it('the variant has no model, because SageMaker scales its instances', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ ModelName: Match.absent(), ManagedInstanceScaling: Match.anyValue() })],
    });
  });

  it('an update of the endpoint keeps scaled instance counts', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::Endpoint', { RetainAllVariantProperties: true });
  });

  it('endpoint config and model have no names, so that a new one can exist beside the old one', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', { EndpointConfigName: Match.absent() });
    endpoint.hasResourceProperties('AWS::SageMaker::Model', { ModelName: Match.absent() });
  });

  it('the containers are isolated from the network if every model comes from S3', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', { EnableNetworkIsolation: true });
    endpoint.hasResourceProperties('AWS::SageMaker::Model', { EnableNetworkIsolation: true });
  });

  it('the execution role reads the weights and lists only their prefix', () => {
    endpoint.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 's3:GetObject',
            Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::weights/s1-32b/*']] },
          }),
          Match.objectLike({
            Action: 's3:ListBucket',
            Condition: { StringLike: { 's3:prefix': ['s1-32b/*'] } },
          }),
        ]),
      },
    });
  });

  it('the logs of endpoint and component are kept for a month', () => {
    for (const name of ['Endpoints/stage', 'InferenceComponents/stage-s1-32b']) {
      endpoint.hasResourceProperties('AWS::Logs::LogGroup', {
        LogGroupName: `/aws/sagemaker/${name}`,
        RetentionInDays: 30,
      });
    }
  });

  it('copies scale with the requests in flight, once the component exists', () => {
    endpoint.hasResource('AWS::ApplicationAutoScaling::ScalableTarget', {
      Properties: {
        ServiceNamespace: 'sagemaker',
        ScalableDimension: 'sagemaker:inference-component:DesiredCopyCount',
        ResourceId: 'inference-component/stage-s1-32b',
        MinCapacity: 1,
        MaxCapacity: 4,
        RoleARN: Match.absent(),
      },
      DependsOn: Object.keys(endpoint.findResources('AWS::SageMaker::InferenceComponent')),
    });
    endpoint.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyType: 'TargetTrackingScaling',
      TargetTrackingScalingPolicyConfiguration: {
        PredefinedMetricSpecification: {
          PredefinedMetricType: 'SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution',
        },
        TargetValue: 8,
      },
    });
  });

  it('an endpoint that never reaches zero has no step from zero', () => {
    const policies = all(endpoint, 'AWS::ApplicationAutoScaling::ScalingPolicy');
    expect(policies.map(({ PolicyType }) => PolicyType)).toEqual(['TargetTrackingScaling']);
  });

  it('the endpoint stack has no exports, because the API stack uses plain names', () => {
    expect(Object.values(endpoint.findOutputs('*')).filter((output) => 'Export' in output)).toEqual([]);
  });
});

describe('an endpoint that scales to zero', () => {
  const { endpoint } = synthesize(scalingToZero);

  it('an endpoint that scales to zero starts with one copy on one instance, and may release both', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', { RuntimeConfig: { CopyCount: 1 } });
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [
        Match.objectLike({
          InitialInstanceCount: 1,
          ManagedInstanceScaling: Match.objectLike({ MinInstanceCount: 0 }),
        }),
      ],
    });
    endpoint.hasResourceProperties('AWS::ApplicationAutoScaling::ScalableTarget', { MinCapacity: 0 });
  });

  it('an endpoint leaves zero by one step when a request finds no copy', () => {
    const [policy] = Object.keys(
      endpoint.findResources('AWS::ApplicationAutoScaling::ScalingPolicy', {
        Properties: { PolicyType: 'StepScaling' },
      }),
    );
    const alarms = all(endpoint, 'AWS::CloudWatch::Alarm');
    expect(
      alarms.find(({ AlarmActions }) => JSON.stringify(AlarmActions) === JSON.stringify([{ Ref: policy }])),
    ).toMatchObject({
      Metrics: [
        { Expression: 'IF(FILL(FILL(desired, REPEAT), 0) >= 1, 0, failures)' },
        {
          MetricStat: {
            Metric: { MetricName: 'DesiredCopies', Namespace: 'Budgetforce' },
            Period: 30,
            Stat: 'Maximum',
          },
        },
        {
          MetricStat: {
            Metric: {
              MetricName: 'NoCapacityInvocationFailures',
              Dimensions: [{ Name: 'InferenceComponentName', Value: 'stage-s1-32b' }],
            },
            Period: 30,
            Stat: 'Maximum',
          },
        },
      ],
      EvaluationPeriods: 1,
      DatapointsToAlarm: 1,
      Threshold: 1,
    });
    endpoint.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      StepScalingPolicyConfiguration: { Cooldown: 900, StepAdjustments: [{ ScalingAdjustment: 1 }] },
    });
  });
});

describe('a model from the hub', () => {
  const { endpoint } = synthesize(
    aConfig({
      models: [
        aModel({
          source: {
            kind: 'hub',
            id: 'simplescaling/s1-32B',
            revision: 'c1899de289a04d12100db370d81485cdf75e47ca',
            tokenSecretName: 'hf',
          },
        }),
      ],
    }),
  );

  it('a model from the hub is downloaded by a container with a network, to the instance’s own disks', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', { EnableNetworkIsolation: false });
    endpoint.hasResourceProperties('AWS::SageMaker::Model', {
      EnableNetworkIsolation: false,
      PrimaryContainer: {
        Environment: Match.objectLike({ SM_VLLM_MODEL: 'simplescaling/s1-32B', HF_HOME: '/tmp/huggingface' }),
        ModelDataSource: Match.absent(),
      },
    });
  });

  it('a model from the hub gets its token from Secrets Manager at deployment', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Environment: Match.objectLike({ HF_TOKEN: '{{resolve:secretsmanager:hf:SecretString:::}}' }),
      },
    });
  });
});

describe('several models', () => {
  const { endpoint } = synthesize(
    aConfig({
      endpoint: { instanceType: 'ml.p5.48xlarge', instances: { max: 2 } },
      models: [
        aModel(),
        aModel({ id: 'org/My_Model-7B', image: 'server-sagemaker-cuda-v2.2', vllm: { tensorParallel: 1 } }),
      ],
    }),
  );

  it('several models are components of one endpoint', () => {
    endpoint.resourceCountIs('AWS::SageMaker::Endpoint', 1);
    for (const name of ['stage-s1-32b', 'stage-org-my-model-7b']) {
      endpoint.hasResourceProperties('AWS::SageMaker::InferenceComponent', { InferenceComponentName: name });
    }
  });

  it('several models get the AMI that runs all of their images', () => {
    endpoint.hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ InferenceAmiVersion: 'al2023-ami-sagemaker-inference-gpu-4-1' })],
    });
  });
});

describe('ReasoningEndpoint in another app', () => {
  it('ReasoningEndpoint needs an instance type and a model, and generates its name', () => {
    const stack = new Stack(new App(), 'Mine', { env: { region: 'ap-southeast-3' } });
    const endpoint = new ReasoningEndpoint(stack, 'Endpoint', {
      instanceType: 'ml.g7e.2xlarge',
      models: [{ id: 'qwen3-8b', source: { kind: 's3', uri: 's3://weights/qwen3/' }, contextTokens: 40_960 }],
    });
    expect(endpoint.endpointName).toMatch(/^[a-z0-9-]{1,40}$/);
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::Model', {
      PrimaryContainer: {
        Image: '907027046896.dkr.ecr.ap-southeast-3.amazonaws.com/vllm:server-sagemaker-cuda-v2.3',
      },
    });
  });

  it('ReasoningEndpoint lets variantOverrides override the construct', () => {
    const stack = new Stack(new App(), 'Mine', { env: { region: 'us-east-1' } });
    new ReasoningEndpoint(stack, 'Endpoint', {
      instanceType: 'ml.p5.48xlarge',
      models: [{ id: 'm', source: { kind: 's3', uri: 's3://weights/m/' }, contextTokens: 4_096 }],
      variantOverrides: { enableSsmAccess: true },
    });
    Template.fromStack(stack).hasResourceProperties('AWS::SageMaker::EndpointConfig', {
      ProductionVariants: [Match.objectLike({ EnableSSMAccess: true })],
    });
  });
});
