import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { aConfig, aModel, deployedSettings, synthesize } from '../synthesize.ts';

describe('A route in a config', () => {
  const price = { prompt: 0.1, completion: 0.4 };
  const copies = { initial: 1, min: 1, max: 2 };
  const config = aConfig({
    models: [aModel({ dollarsPerMillionTokens: price, copies }), aModel({ id: 'large', copies })],
    routes: [{ id: 'auto', models: ['s1-32b', 'large'], escalate: { unsure_below: 0.3 } }],
    aliases: { 'gpt-5': 'auto' },
  });

  it('is in the settings of the function, with the prices of the models', () => {
    const { routes, models, aliases } = deployedSettings(synthesize(config));
    expect(routes).toEqual([
      { id: 'auto', models: ['s1-32b', 'large'], escalate: { unsure_below: 0.3 }, pass_thought: false },
    ]);
    expect(models.map(({ dollarsPerMillionTokens }) => dollarsPerMillionTokens)).toEqual([price, undefined]);
    expect(aliases).toEqual({ 'gpt-5': 'auto' });
  });

  it('lets the function invoke the component of each model, and no other', () => {
    synthesize(config).api.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
            Resource: [Match.anyValue(), Match.anyValue(), Match.anyValue()],
          }),
        ]),
      },
    });
  });
});
