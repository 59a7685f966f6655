import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { ConfigInput } from '../../../lib/config.ts';
import { evaluationSettingsSchema } from '../../../lib/training/evaluation-settings.ts';
import { aConfig, addStages, all, aModel, anApp, only } from '../synthesize.ts';

type Training = NonNullable<ConfigInput['training']>;

/** A config that trains its only model. */
function aTraining(changes: Training = {}, others: Partial<ConfigInput> = {}): ConfigInput {
  return aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 2 } },
    models: [aModel({ architecture: 'qwen2.5-32b' })],
    training: { base: { kind: 's3', uri: 's3://weights/qwen/' }, ...changes },
    ...others,
  });
}

function synthesize(config: ConfigInput): Template {
  const { trainingStack } = addStages(anApp(), config);
  if (trainingStack === undefined) throw new Error('The config has no training.');
  return Template.fromStack(trainingStack);
}

/** The definition of the state machine, with the names of references in angle brackets. */
function definition(template: Template): { readonly States: Readonly<Record<string, z.output<typeof stateSchema>>> } {
  const { DefinitionString } = only(template, 'AWS::StepFunctions::StateMachine');
  return definitionSchema.parse(JSON.parse(flatten(DefinitionString)));
}

const stateSchema = z.looseObject({ Type: z.string(), Parameters: z.looseObject({}).optional() });
const definitionSchema = z.looseObject({ States: z.record(z.string(), stateSchema) });

function flatten(value: unknown): string {
  const join = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) }).safeParse(value).data;
  if (join !== undefined) return join['Fn::Join'][1].map(flatten).join(join['Fn::Join'][0]);
  const named = z
    .union([
      z.object({ Ref: z.string() }).transform(({ Ref }) => Ref),
      z.object({ 'Fn::GetAtt': z.array(z.string()) }).transform((part) => part['Fn::GetAtt'].join('.')),
      z.object({ 'Fn::Sub': z.string() }).transform((part) => part['Fn::Sub']),
    ])
    .safeParse(value).data;
  return named === undefined ? String(value) : `<${named}>`;
}

const parametersOf = (template: Template, state: string) => definition(template).States[state]?.Parameters ?? {};

describe('the stack of fine-tuning', () => {
  it('does not exist without training in the config', () => {
    expect(addStages(anApp(), aConfig()).trainingStack).toBeUndefined();
  });

  it('has nothing that costs while no run is going', () => {
    const template = synthesize(aTraining({ evaluation: { questions: 's3://weights/questions.jsonl' } }));
    const types = Object.values(template.toJSON()['Resources']).map(
      (resource) => z.object({ Type: z.string() }).parse(resource).Type,
    );
    const free = [
      'AWS::CodeBuild::Project',
      'AWS::Events::Rule',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::Logs::LogGroup',
      'AWS::S3::Bucket',
      'AWS::S3::BucketPolicy',
      'AWS::StepFunctions::StateMachine',
    ];
    expect([...new Set(types)].sort()).toEqual(free);
  });

  it('trains on two p5.48xlarge with s1’s recipe by default', () => {
    const template = synthesize(aTraining());
    const { States } = definition(template);
    expect(States['DefaultHyperparameters']).toMatchObject({
      Result: {
        format: 's1',
        epochs: '5',
        batch_size: '16',
        micro_batch_size: '1',
        block_size: '32768',
        save_steps: '25',
      },
    });
    expect(parametersOf(template, 'Train')).toMatchObject({
      ResourceConfig: { InstanceType: 'ml.p5.48xlarge', InstanceCount: 2 },
      StoppingCondition: { MaxRuntimeInSeconds: 86_400 },
      EnableManagedSpotTraining: false,
      AlgorithmSpecification: {
        TrainingImage:
          '763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.9.0-transformers5.3.0-gpu-py312-cu130-ubuntu22.04',
      },
    });
  });

  it('gives SageMaker the same metrics as the README of the script', () => {
    const readme = readFileSync('training/sft/README.md', 'utf8');
    const [, block = ''] = /Metric definitions for CloudWatch:\n\n```json\n([\s\S]*?)```/.exec(readme) ?? [];
    const train = parametersOf(synthesize(aTraining()), 'Train');
    expect(train).toMatchObject({ AlgorithmSpecification: { MetricDefinitions: JSON.parse(block) } });
  });

  it('has spot instances, warm pools, training plans and a key if the config says so', () => {
    const arn = 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine';
    const spot = parametersOf(synthesize(aTraining({ spot: true, maxHours: 2 })), 'Train');
    // Two hours, and 16 times half an hour to wait.
    expect(spot).toMatchObject({
      EnableManagedSpotTraining: true,
      StoppingCondition: { MaxRuntimeInSeconds: 7_200, MaxWaitTimeInSeconds: 36_000 },
    });
    const plan = synthesize(aTraining({ trainingPlanArn: arn, keepAliveSeconds: 1_800 }));
    expect(parametersOf(plan, 'Train')).toMatchObject({
      ResourceConfig: { TrainingPlanArn: arn, KeepAlivePeriodInSeconds: 1_800 },
    });
    const key = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const encrypted = synthesize(aTraining({ kmsKeyArn: key }));
    expect(parametersOf(encrypted, 'Train')).toMatchObject({ OutputDataConfig: { KmsKeyId: key } });
    encrypted.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { KMSMasterKeyID: key, SSEAlgorithm: 'aws:kms' } },
        ],
      },
    });
  });

  it('trains an adapter on one g6e', () => {
    const template = synthesize(
      aTraining(
        {
          base: undefined,
          instanceType: 'ml.g6e.2xlarge',
          instanceCount: 1,
          recipe: { method: 'lora', batchSize: 8, loraAlpha: 64 },
        },
        {
          models: [
            aModel({
              architecture: 'qwen2.5-7b',
              vllm: {},
              source: {
                kind: 'hub',
                id: 'Qwen/Qwen2.5-7B-Instruct',
                revision: 'a09a35458c702b33eeacc393d103063234e8bc28',
              },
            }),
          ],
        },
      ),
    );
    expect(definition(template).States['DefaultHyperparameters']).toMatchObject({
      Result: {
        lora_rank: '16',
        lora_alpha: '64',
        batch_size: '8',
        model: 'Qwen/Qwen2.5-7B-Instruct',
        model_revision: 'a09a35458c702b33eeacc393d103063234e8bc28',
      },
    });
    const channels = z
      .array(z.looseObject({ ChannelName: z.string() }))
      .parse(parametersOf(template, 'Train')['InputDataConfig']);
    expect(channels.map(({ ChannelName }) => ChannelName)).toEqual(['train', 'code']);
  });

  it('runs in the network of the endpoint if the config says so', () => {
    const network = {
      kind: 'existing' as const,
      subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      securityGroupIds: ['sg-0123456789abcdef0'],
    };
    const endpoint = { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 2 }, network };
    const template = synthesize(aTraining({ network: 'endpoint' }, { endpoint }));
    const vpc = { Subnets: network.subnetIds, SecurityGroupIds: network.securityGroupIds };
    expect(parametersOf(template, 'Train')).toMatchObject({ VpcConfig: vpc });
    expect(parametersOf(template, 'CreateModel')).toMatchObject({ VpcConfig: vpc });
    expect(parametersOf(synthesize(aTraining({}, { endpoint })), 'Train')).not.toHaveProperty('VpcConfig');
  });

  it('serves trained weights in the container, on the GPUs and with the timeouts of the model', () => {
    const app = anApp();
    const { endpointStack, trainingStack } = addStages(app, aTraining());
    if (endpointStack === undefined || trainingStack === undefined) throw new Error('no stacks');
    const endpoint = Template.fromStack(endpointStack);
    const template = Template.fromStack(trainingStack);
    const container = z
      .object({ PrimaryContainer: z.looseObject({ Image: z.string(), Environment: z.record(z.string(), z.string()) }) })
      .parse(only(endpoint, 'AWS::SageMaker::Model')).PrimaryContainer;
    expect(parametersOf(template, 'CreateModel')).toMatchObject({
      PrimaryContainer: { Image: container.Image, Environment: container.Environment },
    });
    const { Specification } = z
      .object({ Specification: z.looseObject({}) })
      .parse(only(endpoint, 'AWS::SageMaker::InferenceComponent'));
    const { ModelName: _, ...reserved } = Specification;
    expect(parametersOf(template, 'UpdateComponent')).toMatchObject({
      Specification: { ...reserved, 'ModelName.$': '$.target.modelName' },
    });
  });

  it('updates half of the fewest copies at a time, or the fewest for a canary', () => {
    const models = [aModel({ architecture: 'qwen2.5-32b', copies: { initial: 4, min: 4, max: 8 } })];
    const endpoint = { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 2 } };
    const batch = (training: Training) =>
      parametersOf(synthesize(aTraining(training, { models, endpoint })), 'UpdateComponent')['DeploymentConfig'];
    expect(batch({})).toMatchObject({
      RollingUpdatePolicy: { MaximumBatchSize: { Type: 'COPY_COUNT', Value: 2 }, WaitIntervalInSeconds: 300 },
      AutoRollbackConfiguration: { Alarms: [{ AlarmName: 'stage-s1-32b-errors' }] },
    });
    expect(batch({ rollout: 'canary' })).toMatchObject({
      RollingUpdatePolicy: { MaximumBatchSize: { Value: 1 }, WaitIntervalInSeconds: 1_800 },
    });
  });

  it('tells the topic of the alarms, and alarms on the cost', () => {
    const topic = 'arn:aws:sns:us-east-1:111122223333:alarms';
    const template = synthesize(
      aTraining({ costAlarmDollars: 300, costAlarmEmails: ['ml@example.com'] }, { watching: { alarmTopicArn: topic } }),
    );
    expect(parametersOf(template, 'NotifyApprover')).toMatchObject({ TopicArn: topic });
    template.hasResourceProperties('AWS::Budgets::Budget', {
      Budget: Match.objectLike({
        BudgetLimit: { Amount: 300, Unit: 'USD' },
        CostFilters: { TagKeyValue: ['user:budgetforce-training$stage'] },
      }),
      NotificationsWithSubscribers: Match.arrayWith([
        Match.objectLike({
          Subscribers: [
            { Address: 'ml@example.com', SubscriptionType: 'EMAIL' },
            { Address: topic, SubscriptionType: 'SNS' },
          ],
        }),
      ]),
    });
    expect(parametersOf(template, 'Train')['Tags']).toEqual([
      { Key: 'budgetforce', Value: 'stage' },
      { Key: 'budgetforce-training', Value: 'stage' },
    ]);
  });

  it('gives the job of the evaluation what it reads', () => {
    const template = synthesize(
      aTraining({
        evaluation: { questions: 's3://weights/questions.jsonl', budgets: [512, 4_096] },
        approval: { maxLossPoints: 2 },
      }),
    );
    const variables = z
      .object({
        Environment: z.looseObject({
          EnvironmentVariables: z.array(z.looseObject({ Name: z.string(), Value: z.unknown() })),
        }),
      })
      .parse(only(template, 'AWS::CodeBuild::Project')).Environment.EnvironmentVariables;
    const text = flatten(variables.find(({ Name }) => Name === 'EVALUATION')?.Value);
    expect(evaluationSettingsSchema.parse(JSON.parse(text))).toMatchObject({
      component: 'stage-s1-32b',
      candidate: 'stage-s1-32b-candidate',
      model: { id: 's1-32b', format: 's1', contextTokens: 32_768 },
      budgets: [512, 4_096],
      maxLossPoints: 2,
    });
  });

  it('cleans up after an execution that was aborted', () => {
    synthesize(aTraining()).hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { status: ['ABORTED', 'TIMED_OUT', 'FAILED'], stateMachineArn: [Match.anyValue()] },
      },
      Targets: [
        Match.objectLike({
          InputTransformer: {
            InputPathsMap: { 'detail-name': '$.detail.name' },
            InputTemplate: '{"cleanUp":<detail-name>}',
          },
        }),
      ],
    });
  });

  it('keeps the bucket of runs, and deletes checkpoints after two weeks', () => {
    const template = synthesize(aTraining());
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        LifecycleConfiguration: {
          Rules: Match.arrayWith([Match.objectLike({ Prefix: 'checkpoints/', ExpirationInDays: 14 })]),
        },
      },
    });
  });
});

describe('the code of a training job', () => {
  it('is the files of the script, without tests, caches and examples', () => {
    const app = new App({ analyticsReporting: false, context: { 'aws:cdk:bundling-stacks': [] } });
    addStages(app, aTraining());
    const { directory } = app.synth();
    const folders = readdirSync(directory)
      .filter((name) => name.startsWith('asset.'))
      .map((name) => readdirSync(join(directory, name)));
    const script = folders.find((files) => files.includes('launch.py'));
    expect(script?.sort()).toEqual([
      'callbacks.py',
      'checkpoints.py',
      'data.py',
      'export.py',
      'formats.json',
      'grading.py',
      'launch.py',
      'options.py',
      'preference.py',
      'requirements.txt',
      'reward.py',
      'train.py',
    ]);
    const imported = (script ?? [])
      .filter((file) => file.endsWith('.py'))
      .flatMap((file) =>
        [...readFileSync(join('training/sft', file), 'utf8').matchAll(/^ *(?:from|import) (\w+)/gm)].map(
          ([, name]) => `${name}.py`,
        ),
      );
    const own = new Set(readdirSync('training/sft'));
    expect(imported.filter((file) => own.has(file) && !script?.includes(file))).toEqual([]);
  });
});

describe('rights', () => {
  const template = synthesize(
    aTraining({
      evaluation: { questions: 's3://questions/math.jsonl' },
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    }),
  );
  const statements = all(template, 'AWS::IAM::Policy').flatMap((policy) =>
    z
      .object({
        PolicyDocument: z.object({
          Statement: z.array(z.looseObject({ Sid: z.string().optional(), Action: z.unknown(), Resource: z.unknown() })),
        }),
      })
      .parse(policy)
      .PolicyDocument.Statement.map(({ Sid, Action, Resource }) => ({
        Sid,
        Action: [Action].flat(),
        Resource: [Resource].flat().map(flatten),
      })),
  );
  const of = (sid: string) => statements.filter(({ Sid }) => Sid === sid);

  it('pass only the two roles to SageMaker', () => {
    const [pass] = of('PassRoles');
    expect(pass?.Resource).toEqual([
      expect.stringMatching(/^<FineTuningTrainingRole.*Arn>$/),
      expect.stringMatching(/^<FineTuningServingRole.*Arn>$/),
    ]);
  });

  it('update the component in service, and delete only the temporary one', () => {
    const deleting = statements.filter(({ Action }) => Action.includes('sagemaker:DeleteInferenceComponent'));
    expect(deleting.flatMap(({ Resource }) => Resource)).toEqual([
      expect.stringMatching(/inference-component\/stage-s1-32b-candidate$/),
    ]);
    const updating = statements.filter(({ Action }) => Action.includes('sagemaker:UpdateInferenceComponent'));
    expect(updating.flatMap(({ Resource }) => Resource)).toEqual([
      expect.stringMatching(/inference-component\/stage-s1-32b$/),
    ]);
  });

  it('read the questions as one object, and the base under its prefix', () => {
    expect(of('ReadQuestions')[0]?.Resource).toEqual(['arn:<AWS::Partition>:s3:::questions/math.jsonl']);
    expect(of('Readweightsqwen')[0]?.Resource).toEqual(['arn:<AWS::Partition>:s3:::weights/qwen/*']);
  });

  it('write weights and checkpoints, and never rows', () => {
    const writing = statements
      .filter(({ Action }) => Action.includes('s3:PutObject'))
      .flatMap(({ Resource }) => Resource);
    expect(writing.map((resource) => resource.replace(/^<[^>]*>/, '')).sort()).toEqual([
      '/checkpoints/*',
      '/evaluations/*',
      '/runs/*/approval.json',
      '/runs/*/evaluation/*',
      '/runs/*/output/*',
      '/service/current.json',
    ]);
  });

  it('have a right for each action that the states call', () => {
    const allowed = new Set(statements.flatMap(({ Action }) => Action.map((action) => String(action).toLowerCase())));
    const called = Object.values(definition(template).States).flatMap(({ Resource }) => {
      const [, service, action] = /(?:aws-sdk:)?(\w+):(\w+)(?:\.\w+)?$/.exec(String(Resource ?? '')) ?? [];
      return service === undefined || action === undefined ? [] : [`${service}:${action}`.toLowerCase()];
    });
    // ListObjectsV2 is allowed by s3:ListBucket.
    const missing = called.filter((action) => action !== 's3:listobjectsv2' && !allowed.has(action));
    expect([...new Set(called)].length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
    expect(allowed).toContain('s3:listbucket');
  });
});
