import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { settingsSchema } from '../../../lambda/settings/settings.ts';
import { aConfig, all, aModel, deployedSettings, only, synthesize } from '../synthesize.ts';

describe('the API stack', () => {
  const synthesized = synthesize(aConfig());
  const { api } = synthesized;

  it('the API streams through API Gateway for 15 minutes', () => {
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

  it('the API is regional, because an edge-optimised API cuts a stream that is idle for 30 seconds', () => {
    api.hasResourceProperties('AWS::ApiGateway::RestApi', { EndpointConfiguration: { Types: ['REGIONAL'] } });
  });

  it('the function runs on Node 24 and arm64 with one full CPU, as long as a stream may last', () => {
    api.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 1_769,
      Timeout: 900,
    });
  });

  it('the function may invoke this endpoint and its component, read its key, write its logs, and nothing else', () => {
    const { PolicyDocument } = only(api, 'AWS::IAM::Policy');
    expect(PolicyDocument).toMatchSnapshot('policy of the function');
    api.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: 'lambda.amazonaws.com' } }] },
      ManagedPolicyArns: Match.absent(),
    });
  });

  it('the function can parse the settings in its file and its environment', () => {
    expect(deployedSettings(synthesized)).toMatchSnapshot('settings');
  });

  it('only values that are unknown at synth are in the environment', () => {
    expect(only(api, 'AWS::Lambda::Function')['Environment']).toEqual({
      Variables: {
        NODE_OPTIONS: '--enable-source-maps',
        BUDGETFORCE_API_KEY_SECRET_ARN: { Ref: expect.stringMatching(/^ApiApiKey/) },
        BUDGETFORCE_TABLE_NAME: { Ref: expect.stringMatching(/^ApiLedger/) },
      },
    });
  });

  it('logs contain neither prompts nor answers, and are kept for a month', () => {
    api.hasResourceProperties('AWS::ApiGateway::Stage', {
      MethodSettings: [Match.objectLike({ DataTraceEnabled: false, LoggingLevel: 'ERROR' })],
      AccessLogSetting: { Format: Match.stringLikeRegexp('requestId'), DestinationArn: Match.anyValue() },
    });
    for (const { RetentionInDays } of all(api, 'AWS::Logs::LogGroup')) expect(RetentionInDays).toBe(30);
  });

  it('the API throttles requests', () => {
    api.hasResourceProperties('AWS::ApiGateway::Stage', {
      MethodSettings: [Match.objectLike({ ThrottlingRateLimit: 20, ThrottlingBurstLimit: 40 })],
    });
  });

  it('the API stack generates a bearer key', () => {
    api.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: { PasswordLength: 48, ExcludePunctuation: true },
    });
  });

  it('the outputs say how to call the API', () => {
    expect(api.findOutputs('*')).toMatchSnapshot('outputs');
  });

  it('the API stack imports no values from the endpoint stack', () => {
    expect(JSON.stringify(api.toJSON())).not.toContain('Fn::ImportValue');
  });
});

describe('choices of the API', () => {
  it('the API has no bearer key if apiKey is false', () => {
    const synthesized = synthesize(aConfig({ api: { apiKey: false } }));
    const { api } = synthesized;
    api.resourceCountIs('AWS::SecretsManager::Secret', 0);
    expect(deployedSettings(synthesized)).not.toHaveProperty('apiKeySecretArn');
    expect(Object.keys(api.findOutputs('*'))).not.toContain('ReadApiKey');
  });

  it('tracing, reserved concurrency and the account’s log role can be configured', () => {
    const { api } = synthesize(aConfig({ api: { tracing: true, reservedConcurrency: 50, accountLogRole: false } }));
    api.hasResourceProperties('AWS::Lambda::Function', {
      TracingConfig: { Mode: 'Active' },
      ReservedConcurrentExecutions: 50,
    });
    api.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: true });
    api.resourceCountIs('AWS::ApiGateway::Account', 0);
  });

  it('the settings of the function hold the retention, which is 0 days unless configured', () => {
    const synthesized = synthesize(aConfig({ retention: { responsesDays: 30 } }));
    expect(deployedSettings(synthesized)).toHaveProperty('retention', {
      responsesDays: 30,
      feedbackDays: 0,
      filesDays: 0,
    });
  });

  it('settings without a retention store nothing', () => {
    const { retention: _, ...older } = deployedSettings(synthesize(aConfig()));
    expect(settingsSchema.parse(older).retention).toEqual({
      responsesDays: 0,
      feedbackDays: 0,
      filesDays: 0,
    });
  });

  it('configured budgets override the defaults, which are shares of the window', () => {
    const synthesized = synthesize(
      aConfig({ models: [aModel({ thinking: { maxTokens: 20_000, efforts: { xhigh: 20_000 } } })] }),
    );
    expect(deployedSettings(synthesized).models[0]).toMatchObject({
      maxThinkingTokens: 20_000,
      defaultMaxThinkingTokens: 8_192,
      efforts: { none: 0, low: 2_048, xhigh: 20_000 },
    });
  });

  it('the API offers the window that vLLM serves, not the window of the model', () => {
    const synthesized = synthesize(
      aConfig({ models: [aModel({ vllm: { tensorParallel: 2, contextTokens: 16_384 } })] }),
    );
    expect(deployedSettings(synthesized).models[0]).toMatchObject({
      contextTokens: 16_384,
      maxThinkingTokens: 14_336,
    });
  });
});
