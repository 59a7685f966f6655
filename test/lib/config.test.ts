import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, configSchema, loadConfig, parseConfig } from '../../lib/config.ts';
import { aConfig, aModel, anExternalModel } from './synthesize.ts';

describe('a config', () => {
  it('a minimal config gets defaults for all other fields', () => {
    const { models, endpoint, api } = parseConfig({
      name: 's1',
      region: 'us-east-1',
      endpoint: { instanceType: 'ml.p5.48xlarge' },
      models: [
        {
          id: 's1',
          format: 's1',
          source: { kind: 'hub', id: 'a/b', revision: 'c1899de289a04d12100db370d81485cdf75e47ca' },
          contextTokens: 32_768,
        },
      ],
    });
    expect({ models, endpoint, api }).toMatchSnapshot('defaults');
  });

  it('an error names each wrong path, what was expected and what was received', () => {
    const input = { ...aConfig({ name: 'Stage One' }), models: [{ ...aModel(), format: 'gpt', copies: { min: -1 } }] };
    expect(() => parseConfig({ ...input, colour: 'red' }, 'stage.json')).toThrowErrorMatchingSnapshot();
  });

  it.each(['config/s1-32b.json', 'config/s1-32b-isolated.json'])('%s is a valid config', (file) => {
    expect(loadConfig(file).models[0]?.id).toBe('s1-32b');
  });

  it.each([
    [{ responsesDays: 0.5 }, 'retention.responsesDays'],
    [{ feedbackDays: -1 }, 'retention.feedbackDays'],
    [{ filesDays: 3_651 }, 'retention.filesDays'],
  ])('a retention is refused unless it is whole days up to ten years: %j', (retention, path) => {
    expect(() => parseConfig(aConfig({ retention }))).toThrow(`→ at ${path}`);
    expect(parseConfig(aConfig({ retention: { filesDays: 3_650 } })).retention).toEqual({
      responsesDays: 0,
      feedbackDays: 0,
      filesDays: 3_650,
    });
  });

  it('an error names the config file that cannot be read', () => {
    expect(() => loadConfig('config/none.json')).toThrow(ConfigError);
    expect(() => loadConfig('config/none.json')).toThrow(/^config\/none\.json cannot be read/);
  });

  const { endpoint: _, ...withoutEndpoint } = aConfig();

  it.each([
    ['a hosted model without an endpoint', withoutEndpoint],
    ['an endpoint without a hosted model', aConfig({ models: [anExternalModel()] })],
    [
      'a model with an upstream that is also hosted and scaled',
      { ...withoutEndpoint, models: [{ ...anExternalModel(), ...aModel({ scaling: { thinking: {} } }) }] },
    ],
    ['an upstream of an unknown kind', { ...withoutEndpoint, models: [anExternalModel({ kind: 'bedrock' as never })] }],
    ['a key in the config', { ...withoutEndpoint, models: [anExternalModel({ apiKey: 'sk-1' } as never)] }],
    [
      'an upstream without a window',
      { ...withoutEndpoint, models: [{ ...anExternalModel(), contextTokens: undefined }] },
    ],
  ])('a config is wrong with %s, and the error says what to write', (_what, input) => {
    expect(() => parseConfig(input, 'stage.json')).toThrowErrorMatchingSnapshot();
  });

  it('a config may have models on its endpoint beside models on other servers', () => {
    const { models } = parseConfig(aConfig({ models: [aModel(), anExternalModel({}, { id: 'other' })] }));
    expect(models.map((model) => [model.id, 'upstream' in model])).toEqual([
      ['s1-32b', false],
      ['other', true],
    ]);
  });

  it('the schema can be converted to JSON Schema, for editors', () => {
    expect(() => z.toJSONSchema(configSchema, { io: 'input' })).not.toThrow();
  });
});

describe('a fallback of a config that does not match the schema', () => {
  const said = (fallback: object) => () =>
    parseConfig({
      name: 'stage',
      region: 'us-east-1',
      models: [{ ...anExternalModel(), fallbacks: [fallback] }],
    });

  it.each([
    [{ modle: 'a' }, /models\[0\]\.fallbacks\[0\]/],
    [{ upstream: { kind: 'sagemaker', region: 'eu-west-1' } }, /models\[0\]\.fallbacks\[0\]\.upstream\.endpointName/],
    [
      { upstream: { kind: 'sagemaker', region: 'Europe', endpointName: 'a' } },
      /Expected a region, for instance "eu-west-1"/,
    ],
    [
      { upstream: { kind: 'openai-compatible', baseUrl: 'gpu.example.com' } },
      /models\[0\]\.fallbacks\[0\]\.upstream\.baseUrl/,
    ],
    [{ model: 'a', cannot: ['everything'] }, /models\[0\]\.fallbacks\[0\]\.cannot\[0\]/],
  ])('%j is refused at its field', (fallback, at) => {
    expect(said(fallback)).toThrow(ConfigError);
    expect(said(fallback)).toThrow(at);
  });
});
