import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, aModel, deployedSettings, synthesize } from '../synthesize.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const storing = (changes: Partial<ConfigInput> = {}) =>
  synthesize(aConfig({ retention: { feedbackDays: 30 }, ...changes }));
const statements = (template: Template) =>
  all(template, 'AWS::IAM::Policy').flatMap(
    ({ PolicyDocument }) => (PolicyDocument as { Statement: { Action: unknown; Resource: unknown }[] }).Statement,
  );

describe('the bucket of stored content', () => {
  it('does not exist unless the retention stores something', () => {
    for (const retention of [undefined, { feedbackDays: 0 }]) {
      const { api } = synthesize(aConfig(retention === undefined ? {} : { retention }));
      api.resourceCountIs('AWS::S3::Bucket', 0);
      expect(JSON.stringify(statements(api))).not.toContain('s3:');
    }
  });

  it('is encrypted, closed to the public, for TLS only, and empties itself a day after the retention', () => {
    const { api } = storing();
    api.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
        LifecycleConfiguration: { Rules: [Match.objectLike({ ExpirationInDays: 31, Status: 'Enabled' })] },
      },
    });
    api.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  it('is known to the function, which may read, write and delete its objects and nothing else of S3', () => {
    const stacks = storing();
    expect(deployedSettings(stacks)).toMatchObject({
      retention: { feedbackDays: 30 },
      contentBucket: expect.any(String),
    });
    const s3 = statements(stacks.api).filter(({ Action }) => JSON.stringify(Action).includes('s3:'));
    expect(s3.map(({ Action }) => Action)).toEqual([
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      's3:ListBucket',
    ]);
    const [bucket] = Object.keys(stacks.api.findResources('AWS::S3::Bucket'));
    for (const { Resource } of s3) expect(JSON.stringify(Resource)).toContain(`"Fn::GetAtt":["${bucket}","Arn"]`);
  });

  it('has the key of the config, with which the function may encrypt', () => {
    const { api } = storing({ api: { kmsKeyArn } });
    api.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { KMSMasterKeyID: kmsKeyArn, SSEAlgorithm: 'aws:kms' },
          },
        ],
      },
    });
    const kms = statements(api).filter(({ Resource }) => Resource === kmsKeyArn);
    expect(JSON.stringify(kms)).toContain('kms:GenerateDataKey');
  });
});

describe('the alarm on good answers', () => {
  const goodAnswers = { percent: 80, judged: 50, minutes: 30 };
  const alarmName = 'stage-s1-32b-good-answers';

  it('exists only with a share of the config', () => {
    const names = all(storing().endpoint, 'AWS::CloudWatch::Alarm').map(({ AlarmName }) => AlarmName);
    expect(names).not.toContain(alarmName);
  });

  it('counts the judged answers, and is silent with few', () => {
    const { endpoint } = storing({ watching: { goodAnswers } });
    const [alarm] = all(endpoint, 'AWS::CloudWatch::Alarm').filter(({ AlarmName }) => AlarmName === alarmName);
    expect(alarm).toMatchObject({ Threshold: 80, ComparisonOperator: 'LessThanThreshold', EvaluationPeriods: 1 });
    const metrics = JSON.stringify(alarm?.['Metrics']);
    expect(metrics).toContain('IF(judged >= 50, 100 * good, 100)');
    expect(metrics.match(/"MetricName":"GoodAnswers"/g)).toHaveLength(2);
    expect(metrics.match(/"Period":1800/g)).toHaveLength(2);
  });

  it('rolls an update of the model back', () => {
    const { endpoint } = storing({
      watching: { goodAnswers },
      models: [aModel({ copies: { initial: 2, min: 2, max: 4 } })],
    });
    const [component] = all(endpoint, 'AWS::SageMaker::InferenceComponent');
    const alarms = JSON.stringify(component?.['DeploymentConfig']);
    expect(alarms).toContain('AutoRollbackConfiguration');
    const [id] = Object.entries(endpoint.findResources('AWS::CloudWatch::Alarm')).find(
      ([, { Properties }]) => Properties.AlarmName === alarmName,
    ) ?? [''];
    expect(alarms).toContain(`{"AlarmName":{"Ref":"${id}"}}`);
  });
});

describe('the dashboard', () => {
  it('shows good answers over thinking tokens if clients judge', () => {
    const body = (config: Partial<ConfigInput>) =>
      JSON.stringify(all(synthesize(aConfig(config)).api, 'AWS::CloudWatch::Dashboard'));
    expect(body({})).not.toContain('good answers');
    const judged = body({ retention: { feedbackDays: 30 } });
    expect(judged).toContain('s1-32b: share of good answers, by thinking tokens');
    for (const band of ['0', '1-256', '257-1024', '16384+'])
      expect(judged).toContain(String.raw`\"Thinking\",\"${band}\"`);
  });
});
