import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, addStages, all, aModel, anApp, anExternalModel, deployedSettings } from '../synthesize.ts';

const ARN = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:spare-AbCdEf';

const inEurope = {
  kind: 'sagemaker',
  region: 'eu-west-1',
  endpointName: 's1',
  inferenceComponentName: 's1-s1-32b',
} as const;

function synthesize(changes: Partial<ConfigInput>) {
  const { apiStack } = addStages(anApp(), aConfig({ api: { fallbackRegions: ['eu-west-1'] }, ...changes }));
  const api = Template.fromStack(apiStack);
  return { api, models: deployedSettings({ api, settingsFile: apiStack.api.settingsFile }).models };
}

const statements = (api: Template) =>
  all(api, 'AWS::IAM::Policy').flatMap(({ PolicyDocument }) => Object(PolicyDocument).Statement as readonly object[]);

describe('a model with fallbacks', () => {
  const { api, models } = synthesize({
    models: [
      aModel({
        hedgeAfterMs: 2_000,
        upstreamIdleSeconds: 90,
        fallbacks: [
          { upstream: inEurope },
          { model: 'spare' },
          {
            upstream: { kind: 'openai-compatible', baseUrl: 'https://gpu.example.com/v1', apiKeySecretArn: ARN },
            cannot: ['logprobs'],
            dollarsPerMillionTokens: { prompt: 1, completion: 4 },
          },
        ],
      }),
      anExternalModel({}, { id: 'spare' }),
    ],
  });

  it('tells the function each upstream, with the served name of the model where the config has none', () => {
    expect(models[0]).toMatchObject({
      hedgeAfterMs: 2_000,
      upstreamIdleMs: 90_000,
      fallbacks: [
        { name: 's1.eu-west-1', upstream: { ...inEurope, servedModelName: 's1-32b' } },
        { model: 'spare' },
        {
          name: 'gpu.example.com',
          upstream: {
            kind: 'openai-compatible',
            baseUrl: 'https://gpu.example.com/v1',
            servedModelName: 's1-32b',
            apiKeySecretArn: ARN,
          },
          cannot: ['logprobs'],
          dollarsPerMillionTokens: { prompt: 1, completion: 4 },
        },
      ],
    });
  });

  it('may invoke exactly the endpoint and the component in the other region, and read exactly the key', () => {
    const found = JSON.stringify(statements(api));
    for (const name of ['endpoint/s1', 'inference-component/s1-s1-32b']) {
      expect(found).toContain(`:sagemaker:eu-west-1:`);
      expect(found).toContain(`:${name}"`);
    }
    expect(found.match(/eu-west-1/g)).toHaveLength(2);
    expect(found).toContain(
      JSON.stringify({ Action: 'secretsmanager:GetSecretValue', Effect: 'Allow', Resource: ARN }),
    );
    expect(found).not.toMatch(/"Resource":"\*"/);
  });

  it('keeps its fallbacks from its adapters, which other servers do not have', () => {
    const adapted = synthesize({
      models: [
        aModel({ adapters: [{ id: 'tuned', uri: 's3://weights/tuned.tar.gz' }], fallbacks: [{ upstream: inEurope }] }),
      ],
    });
    expect(adapted.models.map(({ id, fallbacks }) => [id, fallbacks?.length])).toEqual([
      ['s1-32b', 1],
      ['tuned', undefined],
    ]);
  });
});

describe('a model on an endpoint of another region', () => {
  it('may be a model of its own, and the fallback of another', () => {
    const { models, api } = synthesize({
      models: [
        aModel({ fallbacks: [{ model: 's1-eu' }] }),
        { ...anExternalModel({}, { id: 's1-eu' }), upstream: inEurope },
      ],
    });
    expect(models[1]).toMatchObject({ id: 's1-eu', upstream: inEurope });
    expect(JSON.stringify(statements(api)).match(/eu-west-1/g)).toHaveLength(2);
  });
});
