import { describe, expect, it } from 'vitest';
import { type Config, hostedPart, type ModelConfig } from '../../../lib/config.ts';
import { findInstanceType } from '../../../lib/facts/instance-types.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { RefusedError } from '../../../lib/facts/refusal.ts';
import { decodeSpeed, USUAL_CONTEXT_TOKENS } from '../../../lib/serving/decode-speed.ts';
import { createdBy } from '../../../plan/created.ts';
import { makePlan } from '../../../plan/make-plan.ts';
import { examples as allExamples } from '../examples.ts';
import { aConfig, addTo, all, aModel, anExampleApp, synthesize } from '../synthesize.ts';

/** Examples that host models, by name. */
const examples = allExamples.flatMap(([name, config]) => {
  const hosted = hostedPart(config);
  return hosted === undefined
    ? []
    : [[name, { ...hosted, models: [...hosted.models] }] as readonly [string, HostedConfig]];
});

/** A config that hosts all of its models. */
type HostedConfig = Omit<Config, 'endpoint' | 'models'> & {
  endpoint: NonNullable<Config['endpoint']>;
  models: ModelConfig[];
};

/** The example with all of its models scaled by load. */
function byLoad(config: HostedConfig): HostedConfig {
  return {
    ...config,
    models: config.models.map((model) => ({ ...model, scaling: { ...model.scaling, thinking: {} } })),
  };
}

/** Scaling settings of the function, by model. */
function settingsOf(config: HostedConfig) {
  const { endpoint } = addTo(anExampleApp(), config).endpointStack;
  return new Map(endpoint.models.map(({ id, deployedScaling }) => [id, deployedScaling]));
}

/** Tokens of the KV cache in the memory check's sentence, by model. Each window is too large, so that the check speaks. */
function checkedCacheTokens(config: HostedConfig): ReadonlyMap<string, number> {
  const models = config.models.map((model) => ({
    ...model,
    contextTokens: 100_000_000,
    vllm: { ...model.vllm, contextTokens: 100_000_000 },
  }));
  return new Map(models.map((model) => [model.id, checkedCacheTokensOf({ ...config, models: [model] })]));
}

function checkedCacheTokensOf(config: HostedConfig): number {
  try {
    addTo(anExampleApp(), config);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const { sentence = '' } =
      error.refusals.find(
        ({ code, sentence }) => code === 'gpu-memory' && sentence.includes(` ${config.endpoint.instanceType} `),
      ) ?? {};
    const [, tokens = ''] = /the KV cache holds ([\d,]+) tokens/.exec(sentence) ?? [];
    return Number(tokens.replaceAll(',', ''));
  }
  throw new Error('The window fits.');
}

function planOf(config: HostedConfig) {
  return makePlan(config, createdBy(config, undefined), defaultPrices);
}

describe('The capacity of a copy in the settings of the function', { timeout: 180_000 }, () => {
  it.each(examples)('equals what the memory check and the plan of %s calculate', (_, example) => {
    const config = byLoad(example);
    const settings = settingsOf(config);
    const checked = checkedCacheTokens(config);
    for (const { id, memory } of planOf(config).models) {
      expect(settings.get(id)?.cacheTokens, id).toBe(memory?.cacheTokens);
      expect(settings.get(id)?.cacheTokens, id).toBe(checked.get(id));
    }
    expect(settings.size).toBe(config.models.length);
  });

  it.each([
    ['s1-32b-one-h100', 's1-32b', 311_600],
    ['qwen3-l40s', 'qwen3-14b', 150_930],
  ])('counts the accelerated weights and cache of %s: %s holds %i tokens', (name, id, cacheTokens) => {
    expect(settingsOf(byLoad(example(name))).get(id)).toMatchObject({ cacheTokens });
  });

  it.each(examples)('the speed of a copy of %s is the one that the plan calculates', (_, example) => {
    const config = byLoad(example);
    const settings = settingsOf(config);
    const type = findInstanceType(config.endpoint.instanceType);
    const efficiency = defaultPrices.assumptions.decodeEfficiency;
    for (const { id, memory, estimatedSpeed } of planOf(config).models) {
      const scaling = settings.get(id);
      if (type === undefined || memory === undefined || estimatedSpeed === undefined || scaling === undefined)
        throw new Error(`${id} has no speed.`);
      expect(estimatedSpeed.contextTokens).toBe(USUAL_CONTEXT_TOKENS);
      // Both on one line: the time of a step grows evenly with the requests.
      const perRequest = (scaling.fullStepSeconds - scaling.stepSeconds) / scaling.fullRequests;
      expect(scaling.stepSeconds + estimatedSpeed.requests * perRequest).toBeCloseTo(estimatedSpeed.stepSeconds, 4);
      expect(scaling.stepSeconds).toBeCloseTo(
        decodeSpeed(memory, type, { requests: 0, contextTokens: 0, efficiency }).stepSeconds,
        5,
      );
    }
  });
});

describe('Scaling by load of weights that fit only with accelerations', { timeout: 180_000 }, () => {
  const config = (accelerations: ('fp8-weights' | 'fp8-kv-cache')[]) =>
    aConfig({
      endpoint: { instanceType: 'ml.g6e.xlarge' },
      models: [
        aModel({
          architecture: 'qwen2.5-32b',
          contextTokens: 16_384,
          vllm: { accelerations },
          copies: { max: 1 },
          scaling: { thinking: {} },
        }),
      ],
    });
  const policyTypes = (template: ReturnType<typeof synthesize>['endpoint']) =>
    all(template, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(({ PolicyType }) => PolicyType);

  it('is deployed with the accelerations', () => {
    const { endpoint } = synthesize(config(['fp8-weights', 'fp8-kv-cache']));
    expect(policyTypes(endpoint)).toEqual(['StepScaling', 'StepScaling']);
  });

  it('is refused without them, also if the memory check is allowed, and never replaced by another kind of scaling', () => {
    expect(() => synthesize(config([]), { allow: 'gpu-memory,load-without-capacity' })).toThrow(
      /scaling\.thinking of s1-32b needs to know how many tokens a copy holds, but the weights alone fill the GPUs of ml\.g6e\.xlarge: write .*vllm\.quantization "fp8"/,
    );
  });

  it('is refused on an instance type whose memory is unknown, also if the type is allowed', () => {
    const unknown = { ...config([]), endpoint: { instanceType: 'ml.p9.48xlarge' } };
    expect(() => synthesize(unknown, { allow: 'instance-type' })).toThrow(
      /scaling\.thinking of s1-32b .* the memory of instanceType "ml\.p9\.48xlarge" is unknown/,
    );
  });

  it('is refused without an architecture, also if that is allowed', () => {
    const config = aConfig({ models: [aModel({ scaling: { thinking: {} } })] });
    expect(() => synthesize(config, { allow: 'load-without-architecture' })).toThrow(/architecture is missing/);
  });
});

function example(name: string): HostedConfig {
  const found = examples.find(([file]) => file === name)?.[1];
  if (found === undefined) throw new Error(`config/${name}.json is missing.`);
  return found;
}
