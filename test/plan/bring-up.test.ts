import { describe, expect, it } from 'vitest';
import { type ConfigInput, parseConfig } from '../../lib/config.ts';
import { defaultPrices } from '../../lib/facts/prices.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { planAsText } from '../../plan/render-plan.ts';

/** A plan of a model with two GPUs a copy on p5.48xlarge, which has eight. */
function planOf(
  copies: { readonly initial: number; readonly min: number; readonly max: number },
  endpoint: Partial<NonNullable<ConfigInput['endpoint']>> = {},
) {
  const config = parseConfig(
    {
      name: 'test',
      region: 'us-east-1',
      endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 0, max: 2 }, ...endpoint },
      models: [
        {
          id: 'm',
          format: 's1',
          source: { kind: 's3', uri: 's3://weights-111122223333/m/' },
          contextTokens: 32_768,
          architecture: 'qwen2.5-32b',
          vllm: { tensorParallel: 2 },
          copies,
        },
      ],
    },
    'test.json',
  );
  return makePlan(config, [], defaultPrices);
}

const instancePrice = defaultPrices.instances['ml.p5.48xlarge'] ?? Number.NaN;

describe('the plan of a deployment', () => {
  it('counts the GPUs that no copy uses, and what they cost', () => {
    const { gpus } = planOf({ initial: 3, min: 0, max: 8 });
    expect(gpus).toEqual([
      { when: 'one copy', instances: 1, gpus: 8, used: 2, idle: 6, idleDollarsPerHour: (instancePrice * 6) / 8 },
      { when: 'first', instances: 1, gpus: 8, used: 6, idle: 2, idleDollarsPerHour: (instancePrice * 2) / 8 },
      { when: 'maximum', instances: 2, gpus: 16, used: 16, idle: 0, idleDollarsPerHour: 0 },
    ]);
  });

  it('counts instances that are started without copies', () => {
    const { gpus } = planOf({ initial: 1, min: 0, max: 8 }, { instances: { initial: 2, min: 0, max: 2 } });
    expect(gpus?.[1]).toMatchObject({ instances: 2, idle: 14 });
  });

  it('shows no GPUs if all are used', () => {
    const plan = planOf({ initial: 4, min: 4, max: 4 }, { instances: { initial: 1, min: 1, max: 1 } });
    expect(planAsText(plan)).toContain('that no copy uses');
    expect(plan.gpus?.slice(1).map(({ idle }) => idle)).toEqual([0, 0]);
  });

  it('brings a deployment up in stages, each with its cost, and leaves out stages that change nothing', () => {
    const staged = planOf({ initial: 5, min: 0, max: 8 }, { instances: { initial: 2, min: 0, max: 2 } });
    expect(staged.bringUp.map(({ change, instances, copies }) => [change, instances, copies])).toEqual([
      ['copies.initial 1 and instances.initial 1', 1, 1],
      ['the initial numbers of the config', 2, 5],
      ['nothing: scaling adds copies as requests come', 2, 8],
    ]);
    expect(staged.bringUp.map(({ dollarsPerHour }) => dollarsPerHour)).toEqual([
      instancePrice,
      2 * instancePrice,
      2 * instancePrice,
    ]);
    expect(staged.bringUp[0]?.startSeconds).toBe(staged.models[0]?.estimatedColdStart?.seconds);
    const small = planOf({ initial: 1, min: 0, max: 1 });
    expect(small.bringUp.map(({ change }) => change)).toEqual(['as it is']);
  });

  it('says what an update of each part needs', () => {
    const { updates } = planOf({ initial: 2, min: 2, max: 8 });
    expect(updates.map(({ instances }) => instances)).toEqual([0, 3, 4]);
    expect(updates[1]?.how).toMatch(/^in batches of 1 copy, which start before as many stop/);
    const rolling = planOf({ initial: 1, min: 0, max: 8 }, { deployment: { strategy: 'rolling', percent: 50 } });
    expect(rolling.updates.map(({ instances }) => instances)).toEqual([0, 2, 3]);
  });

  it('has none of these for models on other servers', () => {
    const upstream = { kind: 'openai-compatible', baseUrl: 'http://localhost:8000/v1', servedModelName: 'm' } as const;
    const config = parseConfig(
      {
        name: 'test',
        region: 'us-east-1',
        models: [{ id: 'm', format: 's1', tokenizer: 'endpoint', contextTokens: 4_096, upstream }],
      },
      'test.json',
    );
    expect(makePlan(config, [], defaultPrices)).toMatchObject({ gpus: undefined, bringUp: [], updates: [] });
  });
});
