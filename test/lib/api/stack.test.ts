import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseSettings, SETTINGS_VARIABLE } from '../../../lambda/settings/settings.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';

describe('the API stack', () => {
  const { api } = synthesize(aConfig());

  it('streams through API Gateway for 15 minutes', () => {
    for (const { Integration } of all(api, 'AWS::ApiGateway::Method')) {
      expect(Integration).toMatchObject({
        Type: 'AWS_PROXY',
        ResponseTransferMode: 'STREAM',
        TimeoutInMillis: 900_000,
      });
    }
    const methods = JSON.stringify(api.findResources('AWS::ApiGateway::Method'));
    expect(methods.match(/2021-11-15\/functions/g)).toHaveLength(2);
    expect(methods.match(/response-streaming-invocations/g)).toHaveLength(2);
  });

  it('is regional, since an edge-optimised one cuts a stream that is silent for 30 seconds', () => {
    api.hasResourceProperties('AWS::ApiGateway::RestApi', { EndpointConfiguration: { Types: ['REGIONAL'] } });
  });

  it('runs on Node 24 and arm64 with one whole CPU, as long as a stream may last', () => {
    api.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 1_769,
      Timeout: 900,
    });
  });

  it('may invoke this endpoint and its component, read its key, write its logs, and nothing else', () => {
    const { PolicyDocument } = only(api, 'AWS::IAM::Policy');
    expect(PolicyDocument).toMatchSnapshot('policy of the function');
    api.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: 'lambda.amazonaws.com' } }] },
      ManagedPolicyArns: Match.absent(),
    });
  });

  it('gives the function settings that it can read', () => {
    const settings = parseSettings({ [SETTINGS_VARIABLE]: settingsText(api) });
    expect(settings).toMatchSnapshot('settings');
  });

  it('logs neither prompts nor answers, and keeps logs for a month', () => {
    api.hasResourceProperties('AWS::ApiGateway::Stage', {
      MethodSettings: [Match.objectLike({ DataTraceEnabled: false, LoggingLevel: 'ERROR' })],
      AccessLogSetting: { Format: Match.stringLikeRegexp('requestId'), DestinationArn: Match.anyValue() },
    });
    for (const { RetentionInDays } of all(api, 'AWS::Logs::LogGroup')) expect(RetentionInDays).toBe(30);
  });

  it('throttles', () => {
    api.hasResourceProperties('AWS::ApiGateway::Stage', {
      MethodSettings: [Match.objectLike({ ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 })],
    });
  });

  it('generates a bearer key', () => {
    api.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: { PasswordLength: 48, ExcludePunctuation: true },
    });
  });

  it('says how to call it', () => {
    expect(api.findOutputs('*')).toMatchSnapshot('outputs');
  });

  it('comes after the endpoint without importing from it', () => {
    expect(JSON.stringify(api.toJSON())).not.toContain('Fn::ImportValue');
  });
});

describe('choices of the API', () => {
  it('has no key where none is wanted', () => {
    const { api } = synthesize(aConfig({ api: { apiKey: false } }));
    api.resourceCountIs('AWS::SecretsManager::Secret', 0);
    expect(settingsText(api)).not.toContain('apiKeySecretArn');
    expect(Object.keys(api.findOutputs('*'))).not.toContain('ReadApiKey');
  });

  it('traces, reserves concurrency and leaves the account’s log role alone when told so', () => {
    const { api } = synthesize(aConfig({ api: { tracing: true, reservedConcurrency: 50, accountLogRole: false } }));
    api.hasResourceProperties('AWS::Lambda::Function', {
      TracingConfig: { Mode: 'Active' },
      ReservedConcurrentExecutions: 50,
    });
    api.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: true });
    api.resourceCountIs('AWS::ApiGateway::Account', 0);
  });

  it('takes budgets that are written, and the window’s parts for the rest', () => {
    const { api } = synthesize(
      aConfig({ models: [aModel({ thinking: { maxTokens: 20_000, efforts: { xhigh: 20_000 } } })] }),
    );
    expect(parseSettings({ [SETTINGS_VARIABLE]: settingsText(api) }).models[0]).toMatchObject({
      maxThinkingTokens: 20_000,
      defaultMaxThinkingTokens: 8_192,
      efforts: { none: 0, low: 2_048, xhigh: 20_000 },
    });
  });

  it('offers the window that vLLM serves, not the one that the model could', () => {
    const { api } = synthesize(aConfig({ models: [aModel({ vllm: { tensorParallel: 2, contextTokens: 16_384 } })] }));
    expect(parseSettings({ [SETTINGS_VARIABLE]: settingsText(api) }).models[0]).toMatchObject({
      contextTokens: 16_384,
      maxThinkingTokens: 14_336,
    });
  });
});

/** The settings with an ARN where the template has a reference. */
function settingsText(api: Template): string {
  const { Environment } = only(api, 'AWS::Lambda::Function');
  const value = environmentSchema.parse(Environment).Variables[SETTINGS_VARIABLE] ?? '';
  if (typeof value === 'string') return value;
  const [separator, parts] = value['Fn::Join'];
  return parts.map((part) => (typeof part === 'string' ? part : secretArn)).join(separator);
}

const joined = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.union([z.string(), z.object({})]))]) });
const environmentSchema = z.object({ Variables: z.record(z.string(), z.union([z.string(), joined])) });
const secretArn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:key-AbCdEf';
