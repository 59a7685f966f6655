import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../../lib/config.ts';
import { addStacks } from '../../../lib/stacks.ts';
import { examples } from '../examples.ts';
import { aConfig, aModel, anExampleApp } from '../synthesize.ts';

const configs: Record<string, ConfigInput> = {
  'one model from S3': aConfig(),
  'a model from the hub that scales to zero': aConfig({
    endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 0, max: 1 } },
    models: [
      aModel({
        source: { kind: 'hub', id: 'a/b', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' },
        copies: { initial: 1, min: 0, max: 4 },
      }),
    ],
  }),
  'an encrypted bucket, tracing, no bearer key': aConfig({
    account: '111122223333',
    models: [
      aModel({ source: { kind: 's3', uri: 's3://weights/', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' } }),
    ],
    api: { tracing: true, apiKey: false },
  }),
  'a bucket of weights with a token and a key': aConfig({
    weights: {
      bucket: 'models',
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k',
      tokenSecretName: 'hub-token',
    },
  }),
  'responses in the background': aConfig({ background: {}, retention: { responsesDays: 30 } }),
  'responses in the background, traced, with a key': aConfig({
    background: { concurrency: 5 },
    retention: { responsesDays: 30 },
    api: { tracing: true, kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' },
  }),
  'stored conversations': aConfig({ retention: { feedbackDays: 30 } }),
  'stored conversations with a customer-managed key': aConfig({
    retention: { feedbackDays: 30 },
    api: { kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' },
    watching: { goodAnswers: { percent: 70 } },
  }),
  'batches and webhooks': aConfig({ retention: { filesDays: 30 }, batches: {}, api: { webhooks: true } }),
  'batches with every option': aConfig({
    models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: { elastic: 'always' } } })],
    retention: { filesDays: 30, feedbackDays: 30 },
    retrieval: {},
    batches: { concurrency: 32, windows: [{ from: '22:00', to: '06:00', timezone: 'Europe/Berlin' }] },
    api: {
      webhooks: true,
      tracing: true,
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    },
    watching: { alarmTopicArn: 'arn:aws:sns:us-east-1:111122223333:alarms' },
  }),
  'retrieval by text': aConfig({ retrieval: {} }),
  'retrieval by vectors, with every option': aConfig({
    endpoint: {
      instanceType: 'ml.p5.48xlarge',
      network: {
        kind: 'existing',
        subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
        securityGroupIds: ['sg-0123456789abcdef0'],
      },
    },
    retrieval: { language: 'th', embeddings: { kind: 'titan', dimensions: 512 }, removal: 'delete' },
    api: {
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      network: { kind: 'endpoint' },
      tracing: true,
    },
    watching: { alarmTopicArn: 'arn:aws:sns:us-east-1:111122223333:alarms' },
  }),
  'fine-tuning with every option': aConfig({
    endpoint: {
      instanceType: 'ml.p5.48xlarge',
      instances: { initial: 1, min: 1, max: 2 },
      network: {
        kind: 'existing',
        subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
        securityGroupIds: ['sg-0123456789abcdef0'],
      },
    },
    models: [aModel({ architecture: 'qwen2.5-32b' })],
    training: {
      base: { kind: 's3', uri: 's3://weights/', kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/k' },
      evaluation: { questions: 's3://questions/math.jsonl' },
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      network: 'endpoint',
      costAlarmDollars: 300,
      trainingPlanArn: 'arn:aws:sagemaker:us-east-1:111122223333:training-plan/mine',
    },
    watching: { alarmTopicArn: 'arn:aws:sns:us-east-1:111122223333:alarms' },
  }),
  'scaling by load': aConfig({
    models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: { elastic: 'always' } } })],
  }),
  'a domain, a firewall and a customer-managed key': aConfig({
    api: {
      domain: { name: 'think.example.com', certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/c' },
      firewall: { requestsPerFiveMinutes: 1_000 },
      kmsKeyArn: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    },
  }),
};

describe('cdk-nag', () => {
  it.each([...Object.entries(configs), ...examples])(
    'cdk-nag’s AwsSolutions and Serverless, and CDK’s own rules, find nothing unexplained in %s',
    (_, config) => {
      // Enables CDK's own rules for templates, as cdk.json does.
      const app = anExampleApp({ '@aws-cdk/core:validateAgainstDefaultRules': true });
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
      addStacks(app, parseConfig(config));
      expect(() => app.synth()).not.toThrow();
    },
  );
});
