import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../../lib/config.ts';
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

  describe('without a threshold', () => {
    const calibration = { id: 'held-out', measure: 'tail', unsureBelow: 0.4 } as const;
    const one = { initial: 1, min: 1, max: 1 };
    const calibrated = aModel({ copies: one, thinking: { calibration } });
    const large = aModel({ id: 'large', copies: one });
    const withRoute = (models: ConfigInput['models'], ids: string[]) =>
      aConfig({ models, routes: [{ id: 'auto', models: ids }] });

    it('takes that of the calibration of its first model', () => {
      const { routes, models } = deployedSettings(synthesize(withRoute([calibrated, large], ['s1-32b', 'large'])));
      expect(routes).toEqual([{ id: 'auto', models: ['s1-32b', 'large'], escalate: {}, pass_thought: false }]);
      expect(models[0]?.calibration).toMatchObject(calibration);
    });

    it.each([
      ['first', ['large', 's1-32b']],
      ['second', ['s1-32b', 'large', 'huge']],
    ])('is refused by the name of the model if its %s one has no calibration', (_, ids) => {
      const config = withRoute([calibrated, large, aModel({ id: 'huge', copies: one })], ids);
      expect(() => synthesize(config)).toThrow(
        'The route "auto" has no threshold, and its model "large" has no calibration that would give one: write escalate.unsure_below, for instance 0.3, or escalate.disagree, or calibrate the model',
      );
    });
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
