import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, aModel, deployedSettings, synthesize } from '../synthesize.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const withBatches = (changes: Partial<ConfigInput> = {}) =>
  synthesize(aConfig({ retention: { filesDays: 30 }, batches: {}, ...changes }));

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Effect: string;
}

/** Statements of the role of batches and webhooks. */
function statementsOf(template: Template): readonly Statement[] {
  const [id] = Object.entries(template.findResources('AWS::IAM::Role')).find(([, { Properties }]) =>
    String(Properties.Description).startsWith('Batches and webhooks'),
  ) ?? [''];
  return all(template, 'AWS::IAM::Policy')
    .filter(({ Roles }) => JSON.stringify(Roles).includes(`"${id}"`))
    .flatMap(({ PolicyDocument }) => (PolicyDocument as { Statement: Statement[] }).Statement);
}
const actionsOf = (template: Template) =>
  [...new Set(statementsOf(template).flatMap(({ Action }) => [Action].flat()))].toSorted();

describe('batches and webhooks, deployed', () => {
  it('creates nothing unless the config has them', () => {
    const { api } = synthesize(aConfig());
    for (const type of ['AWS::SQS::Queue', 'AWS::S3::Bucket', 'AWS::Events::Rule']) api.resourceCountIs(type, 0);
    api.resourceCountIs('AWS::SecretsManager::Secret', 1);
  });

  it('a function is called each minute, and its failures go to a queue with an alarm', () => {
    const { api } = withBatches();
    api.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Runs batches and sends webhooks of the reasoning API',
      Timeout: 900,
    });
    api.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [Match.objectLike({ RetryPolicy: { MaximumRetryAttempts: 0 }, DeadLetterConfig: Match.anyValue() })],
    });
    api.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: Match.anyValue() },
    });
    api.hasResourceProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('batches may be late.*runbook.md#batches'),
      Threshold: 0,
    });
  });

  it('a topic is told of the alarm', () => {
    const alarmTopicArn = 'arn:aws:sns:us-east-1:111122223333:alarms';
    const { api } = withBatches({ watching: { alarmTopicArn } });
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('batches may be late'),
      AlarmActions: [alarmTopicArn],
    });
  });

  it('files are in a bucket of their own, which empties itself, and in that of documents if there is one', () => {
    const own = withBatches();
    own.api.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 31 })] },
        PublicAccessBlockConfiguration: Match.objectLike({ BlockPublicAcls: true, RestrictPublicBuckets: true }),
      },
    });
    withBatches({ retrieval: {} }).api.resourceCountIs('AWS::S3::Bucket', 1);
  });

  it('both functions have the rules', () => {
    const batches = { concurrency: 8, wakeAfterMinutes: 5, windows: [{ from: '22:00', to: '06:00' }] };
    expect(deployedSettings(withBatches({ batches })).batches).toMatchObject({
      ...batches,
      windows: [{ from: '22:00', to: '06:00', timezone: 'UTC' }],
      bucket: expect.any(String),
    });
  });

  it('the role can invoke the endpoint, use the table, and read and write files, and nothing else', () => {
    const { api } = withBatches();
    expect(actionsOf(api)).toEqual([
      'dynamodb:BatchGetItem',
      'dynamodb:BatchWriteItem',
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
      'dynamodb:UpdateItem',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      'sagemaker:InvokeEndpoint',
      'sagemaker:InvokeEndpointWithResponseStream',
      'sqs:GetQueueAttributes',
      'sqs:GetQueueUrl',
      'sqs:SendMessage',
    ]);
    expect(statementsOf(api).filter(({ Resource }) => Resource === '*')).toEqual([]);
  });

  it('of secrets, the role can read only that of webhooks', () => {
    const { api } = withBatches({ api: { webhooks: true } });
    const secrets = statementsOf(api).filter(({ Action }) => [Action].flat().join().includes('secretsmanager'));
    expect(secrets).toHaveLength(1);
    expect(JSON.stringify(secrets)).toContain('WebhookSecret');
    expect(JSON.stringify(secrets)).not.toContain('ApiKey');
  });

  it('of models that scale by load, the role can wake copies', () => {
    const models = [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: { elastic: 'always' } } })];
    expect(actionsOf(withBatches({ models }).api)).toContain('sagemaker:UpdateInferenceComponentRuntimeConfig');
    expect(actionsOf(withBatches({ models }).api).some((action) => action.startsWith('application-autoscaling'))).toBe(
      false,
    );
  });

  it('webhooks alone have the function, a secret that is generated, and no bucket', () => {
    const world = synthesize(aConfig({ api: { webhooks: true, kmsKeyArn } }));
    world.api.resourceCountIs('AWS::S3::Bucket', 0);
    world.api.hasResourceProperties('AWS::SecretsManager::Secret', {
      Description: 'Master secret of the webhooks of the reasoning API',
      KmsKeyId: kmsKeyArn,
      GenerateSecretString: Match.anyValue(),
    });
    expect(deployedSettings(world)).toMatchObject({ webhooks: { secretArn: expect.any(String) } });
    expect(JSON.stringify(world.api.toJSON())).not.toContain('whsec_');
  });
});
