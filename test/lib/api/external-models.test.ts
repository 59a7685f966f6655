import { CfnParameter, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { type ExternalModel, type ExternalServer, ReasoningApi } from '../../../lib/index.ts';
import { aConfig, addStages, all, aModel, anApp, anExternalModel, deployedSettings, only } from '../synthesize.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:vllm-AbCdEf';
const { endpoint: _, ...stage } = aConfig();

describe('a config whose models are on other servers', () => {
  const { endpointStack, apiStack } = addStages(anApp(), {
    ...stage,
    models: [
      anExternalModel({ apiKeySecretArn: ARN }),
      anExternalModel({}, { id: 'open', thinking: { maxTokens: 9_000 } }),
    ],
  });
  const api = Template.fromStack(apiStack);

  it('makes the stack of the API alone', () => {
    expect(endpointStack).toBeUndefined();
    expect(apiStack.dependencies).toEqual([]);
    expect(JSON.stringify(api.toJSON())).not.toMatch(/sagemaker/i);
  });

  it('gives the function the server of each model, and budgets from its window', () => {
    const { models } = deployedSettings({ api, settingsFile: apiStack.api.settingsFile });
    expect(models).toMatchObject([
      {
        id: 's1-32b',
        upstream: {
          kind: 'openai-compatible',
          baseUrl: 'https://vllm.example.com/v1',
          servedModelName: 'simplescaling/s1-32B',
          apiKeySecretArn: ARN,
        },
        tokenizer: { kind: 'file' },
        maxThinkingTokens: 28_672,
      },
      { id: 'open', maxThinkingTokens: 9_000 },
    ]);
    expect(models[1]?.upstream).not.toHaveProperty('apiKeySecretArn');
  });

  it('allows the function to read the server’s key, its own key and its table, and nothing else', () => {
    const { PolicyDocument } = only(api, 'AWS::IAM::Policy');
    expect(PolicyDocument).toMatchSnapshot('policy of the function');
    expect(JSON.stringify(PolicyDocument)).toContain(
      JSON.stringify({ Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: ARN }),
    );
  });

  it('watches failures and first tokens by the names under which the function writes them', () => {
    const read = JSON.stringify(all(api, 'AWS::CloudWatch::Alarm'));
    expect(read.match(/"Name":"Endpoint","Value":"vllm\.example\.com"/g)).toHaveLength(4);
    expect(JSON.stringify(all(api, 'AWS::CloudWatch::Dashboard'))).toContain('open: thinking tokens a minute');
  });
});

describe('a config with both', () => {
  it('offers the models in the order of the config, behind one API', () => {
    const { endpointStack, apiStack } = addStages(
      anApp(),
      aConfig({ models: [anExternalModel({}, { id: 'first' }), aModel()] }),
    );
    expect(endpointStack?.endpoint.models.map(({ id }) => id)).toEqual(['s1-32b']);
    expect(apiStack.dependencies).toEqual([endpointStack]);
    const api = Template.fromStack(apiStack);
    const { models } = deployedSettings({ api, settingsFile: apiStack.api.settingsFile });
    expect(models.map(({ id, upstream }) => [id, upstream.kind])).toEqual([
      ['first', 'openai-compatible'],
      ['s1-32b', 'sagemaker'],
    ]);
  });
});

describe('ReasoningApi without an endpoint', () => {
  const aStack = () => new Stack(anApp(), 'Stack', { env: { region: 'us-east-1' } });
  const external = (upstream: Partial<ExternalServer> = {}): ExternalModel => ({
    id: 'm',
    contextTokens: 32_768,
    upstream: { kind: 'openai-compatible', baseUrl: 'https://vllm.example.com/v1', servedModelName: 'm', ...upstream },
  });

  it('takes a server and a secret of the same app, whose names are known only at deployment', () => {
    const stack = aStack();
    const { secretArn } = new Secret(stack, 'ServerKey');
    const baseUrl = `https://${new CfnParameter(stack, 'Host').valueAsString}/v1`;
    const api = new ReasoningApi(stack, 'Api', {
      models: [{ model: external({ baseUrl, apiKeySecretArn: secretArn }), format: 's1' }],
    });
    expect(JSON.parse(api.settingsFile).models[0].upstream).toEqual({
      kind: 'openai-compatible',
      baseUrl: { variable: 'BUDGETFORCE_BASE_URL' },
      servedModelName: 'm',
      apiKeySecretArn: { variable: 'BUDGETFORCE_API_KEY_SECRET_ARN_2' },
    });
    const template = Template.fromStack(stack);
    const { Variables } = Object(only(template, 'AWS::Lambda::Function')['Environment']);
    expect(Variables.BUDGETFORCE_API_KEY_SECRET_ARN_2).toEqual({ Ref: expect.stringMatching(/^ServerKey/) });
    expect(JSON.stringify(all(template, 'AWS::IAM::Policy'))).toContain(
      JSON.stringify({
        Action: 'secretsmanager:GetSecretValue',
        Effect: 'Allow',
        Resource: Variables.BUDGETFORCE_API_KEY_SECRET_ARN_2,
      }),
    );
  });

  it('refuses a model of an endpoint, and an API without models', () => {
    const { endpointStack } = addStages(anApp(), aConfig());
    const models = (endpointStack?.endpoint.models ?? []).map((model) => ({ model, format: 's1' as const }));
    expect(() => new ReasoningApi(aStack(), 'Api', { models })).toThrowErrorMatchingSnapshot();
    expect(() => new ReasoningApi(aStack(), 'Api', { models: [] })).toThrowErrorMatchingSnapshot();
  });
});
