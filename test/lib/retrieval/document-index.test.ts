import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SEARCH_KEY, unfilterableKeys } from '../../../lambda/retrieval/s3-vectors/metadata-keys.ts';
import { STORE_FILE_PREFIX } from '../../../lambda/retrieval/sync/store-file.ts';
import { retrievalSettingsSchema } from '../../../lambda/settings/retrieval-settings.ts';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, all, deployedSettings, synthesize } from '../synthesize.ts';

const kmsKeyArn = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const withDocuments = (retrieval: ConfigInput['retrieval'] = {}, changes: Partial<ConfigInput> = {}) =>
  synthesize(aConfig({ retrieval, ...changes }));

const notificationsSchema = z.object({
  QueueConfigurations: z.array(z.object({ Event: z.string(), Filter: z.unknown() })),
});

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

/** Statements of the role whose description begins with a word. */
function statementsOf(template: Template, description: string): readonly Statement[] {
  const [id] = Object.entries(template.findResources('AWS::IAM::Role')).find(([, { Properties }]) =>
    String(Properties.Description).startsWith(description),
  ) ?? [''];
  return all(template, 'AWS::IAM::Policy')
    .filter(({ Roles }) => JSON.stringify(Roles).includes(`"${id}"`))
    .flatMap(({ PolicyDocument }) => (PolicyDocument as { Statement: Statement[] }).Statement);
}
const about = (statements: readonly Statement[], service: string) =>
  statements.filter(({ Action }) => [Action].flat().every((action) => action.startsWith(`${service}:`)));

describe('retrieval', () => {
  it('creates nothing unless the config has it', () => {
    const { api } = synthesize(aConfig());
    for (const type of ['AWS::S3Vectors::Index', 'AWS::SQS::Queue', 'AWS::S3::Bucket']) api.resourceCountIs(type, 0);
  });

  it('has an index for words of the language, whose text is not for filters, with one dimension if there are no embeddings', () => {
    withDocuments({ language: 'de' }).api.hasResource('AWS::S3Vectors::Index', {
      DeletionPolicy: 'Retain',
      Properties: {
        DataType: 'float32',
        Dimension: 1,
        DistanceMetric: 'cosine',
        MetadataConfiguration: {
          NonFilterableMetadataKeys: [...unfilterableKeys],
          TextSearchConfigurations: [{ MetadataKey: SEARCH_KEY, Language: 'de' }],
        },
      },
    });
  });

  it('has the standard analyzer for a language that S3 Vectors does not know, and the dimensions of the embeddings', () => {
    const { api } = withDocuments({
      language: 'th',
      embeddings: { kind: 'titan', dimensions: 256 },
      removal: 'delete',
    });
    api.hasResource('AWS::S3Vectors::Index', {
      DeletionPolicy: 'Delete',
      Properties: {
        Dimension: 256,
        MetadataConfiguration: Match.objectLike({ TextSearchConfigurations: [{ MetadataKey: SEARCH_KEY }] }),
      },
    });
  });

  it('gives the API and the ingestion the same settings', () => {
    const stacks = withDocuments({ language: 'fr', embeddings: { kind: 'titan' } });
    const settings = retrievalSettingsSchema.parse(deployedSettings(stacks).retrieval);
    expect(settings).toMatchObject({ language: 'fr', embeddings: { kind: 'titan', dimensions: 1024 } });
    const [ingestion] = all(stacks.api, 'AWS::Lambda::Function').filter(({ Description }) =>
      String(Description).startsWith('Brings'),
    );
    const text = JSON.stringify(ingestion?.['Environment']);
    expect(text).toContain(String.raw`\"language\":\"fr\"`);
    expect(text).toContain(String.raw`\"dimensions\":1024`);
    expect(text).toContain('/opt/tokenizers/');
  });

  it('sends the events of store files alone to a queue, whose failures ring an alarm', () => {
    const { api } = withDocuments({}, { watching: { alarmTopicArn: 'arn:aws:sns:us-east-1:111122223333:alarms' } });
    const [bucket] = all(api, 'AWS::S3::Bucket');
    const { QueueConfigurations } = notificationsSchema.parse(bucket?.['NotificationConfiguration']);
    expect(QueueConfigurations.map(({ Event }) => Event)).toEqual([
      's3:ObjectCreated:*',
      's3:ObjectRemoved:*',
      's3:LifecycleExpiration:*',
    ]);
    for (const { Filter } of QueueConfigurations) {
      expect(Filter).toEqual({ S3Key: { Rules: [{ Name: 'prefix', Value: STORE_FILE_PREFIX }] } });
    }
    api.hasResourceProperties('AWS::SQS::Queue', {
      RedrivePolicy: Match.objectLike({ maxReceiveCount: 5 }),
      VisibilityTimeout: 5_400,
    });
    api.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Allow',
            Principal: { Service: 's3.amazonaws.com' },
            Action: 'sqs:SendMessage',
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
    api.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('docs/runbook.md#documents$'),
      MetricName: 'ApproximateNumberOfMessagesVisible',
      AlarmActions: ['arn:aws:sns:us-east-1:111122223333:alarms'],
      Threshold: 0,
    });
  });

  it('lets the ingestion read documents and write states, and both functions use this index alone', () => {
    const { api } = withDocuments();
    const [index] = Object.keys(api.findResources('AWS::S3Vectors::Index'));
    for (const description of ['Ingestion', 'The reasoning API']) {
      const statements = statementsOf(api, description);
      expect(about(statements, 's3vectors')).toEqual([
        {
          Effect: 'Allow',
          Action: ['s3vectors:QueryVectors', 's3vectors:GetVectors', 's3vectors:PutVectors', 's3vectors:DeleteVectors'],
          Resource: { 'Fn::GetAtt': [index, 'IndexArn'] },
        },
      ]);
      expect(about(statements, 'bedrock')).toEqual([]);
    }
    const s3 = about(statementsOf(api, 'Ingestion'), 's3').map(({ Action, Resource }) => [
      Action,
      JSON.stringify(Resource),
    ]);
    expect(s3).toEqual([
      ['s3:GetObject', expect.stringContaining('/*')],
      ['s3:ListBucket', expect.not.stringContaining('/')],
      [['s3:PutObject', 's3:DeleteObject'], expect.stringContaining('/states/*')],
    ]);
  });

  it('lets both functions invoke one model of Bedrock if there are embeddings', () => {
    const { api } = withDocuments({ embeddings: { kind: 'titan' } });
    for (const description of ['Ingestion', 'The reasoning API']) {
      const [statement, ...others] = about(statementsOf(api, description), 'bedrock');
      expect(others).toEqual([]);
      expect(statement?.Action).toBe('bedrock:InvokeModel');
      expect(JSON.stringify(statement?.Resource)).toContain(
        ':bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0',
      );
    }
  });

  it('encrypts documents, passages and the environment with the key of the config', () => {
    const { api } = withDocuments({}, { api: { kmsKeyArn } });
    api.hasResourceProperties('AWS::S3Vectors::VectorBucket', {
      EncryptionConfiguration: { SseType: 'aws:kms', KmsKeyArn: kmsKeyArn },
    });
    api.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('^Brings'),
      KmsKeyArn: kmsKeyArn,
    });
    for (const description of ['Ingestion', 'The reasoning API']) {
      const kms = statementsOf(api, description).filter(({ Resource }) => Resource === kmsKeyArn);
      expect(JSON.stringify(kms)).toContain('kms:GenerateDataKey');
    }
  });

  it('is in the network of the function, which then reaches S3 Vectors and Bedrock', () => {
    const { api } = withDocuments(
      { embeddings: { kind: 'titan' } },
      {
        endpoint: {
          instanceType: 'ml.p5.48xlarge',
          network: {
            kind: 'existing',
            subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
            securityGroupIds: ['sg-0123456789abcdef0'],
          },
        },
        api: { network: { kind: 'endpoint' } },
      },
    );
    api.hasResourceProperties('AWS::Lambda::Function', {
      Description: Match.stringLikeRegexp('^Brings'),
      VpcConfig: Match.objectLike({ SecurityGroupIds: ['sg-0123456789abcdef0'] }),
    });
  });
});
