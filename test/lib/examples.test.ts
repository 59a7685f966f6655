import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type Config, hostedPart } from '../../lib/config.ts';
import { defaultPrices } from '../../lib/facts/prices.ts';
import { addStacks } from '../../lib/stacks.ts';
import { createdBy } from '../../plan/created.ts';
import { makePlan } from '../../plan/make-plan.ts';
import { planAsText } from '../../plan/render-plan.ts';
import { examples } from './examples.ts';
import { addTo, all, anExampleApp } from './synthesize.ts';

describe('the example configs', () => {
  it('the example configs cover each way to host that the README lists', () => {
    expect(examples.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        's1-32b',
        's1-32b-one-h100',
        's1-32b-isolated',
        's1-32b-training',
        'r1-distill-32b',
        'r1-distill-70b',
        'qwen3-l40s',
        'magistral-l40s',
        'minimax-m2-p5',
        'external-vllm',
      ]),
    );
  });

  it.each(examples)('the example config %s creates its resources', (name, config) => {
    const { networkStack, weightsStack, endpointStack, trainingStack, apiStack } = addStacks(anExampleApp(), config);
    expect({
      ...(networkStack !== undefined && { network: counts(Template.fromStack(networkStack)) }),
      ...(weightsStack !== undefined && { weights: counts(Template.fromStack(weightsStack)) }),
      ...(endpointStack !== undefined && { endpoint: summary(Template.fromStack(endpointStack)) }),
      ...(trainingStack !== undefined && { training: counts(Template.fromStack(trainingStack)) }),
      api: counts(Template.fromStack(apiStack)),
    }).toMatchSnapshot(name);
  });

  it.each(examples)('the example config %s is planned', (name, config) => {
    const plan = makePlan(config, createdBy(config, undefined), defaultPrices, aMonth(), undefined);
    expect(plan.models.map(({ id, memory }) => [id, memory?.longestRequestsAtOnce])).toEqual(
      hostedPart(config)?.models.map(({ id }) => [id, expect.any(Number)]) ?? [],
    );
    expect(planAsText(plan)).toMatchSnapshot(name);
  });
});

describe('several models on one endpoint', () => {
  const config = examples.find(([name]) => name === 'qwen3-l40s')?.[1];

  it('several models are components with copies and scaling of their own, behind one API', () => {
    const { endpointStack } = addTo(anExampleApp(), config ?? none());
    const template = Template.fromStack(endpointStack);
    template.resourceCountIs('AWS::SageMaker::Endpoint', 1);
    expect(
      all(template, 'AWS::ApplicationAutoScaling::ScalableTarget').map(({ MinCapacity, MaxCapacity }) => [
        MinCapacity,
        MaxCapacity,
      ]),
    ).toEqual([
      [1, 6],
      [0, 6],
    ]);
  });
});

/** Returns what differs between the examples, and the number of all other resources. */
function summary(template: Template) {
  const [variant] = all(template, 'AWS::SageMaker::EndpointConfig').flatMap(({ ProductionVariants }) =>
    Array.isArray(ProductionVariants) ? ProductionVariants : [],
  );
  return {
    variant,
    components: all(template, 'AWS::SageMaker::InferenceComponent').map(
      ({ InferenceComponentName, Specification, Specifications, RuntimeConfig }) => ({
        InferenceComponentName,
        ...(Specification !== undefined && { Specification }),
        ...(Array.isArray(Specifications) && {
          types: Specifications.map(({ InstanceType, ComputeResourceRequirements }) => ({
            InstanceType,
            ComputeResourceRequirements,
          })),
        }),
        RuntimeConfig,
      }),
    ),
    images: all(template, 'AWS::SageMaker::Model').map(({ PrimaryContainer }) => PrimaryContainer),
    resources: counts(template),
  };
}

function counts(template: Template): Readonly<Record<string, number>> {
  const types = Object.values(template.toJSON()['Resources'] as Record<string, { readonly Type: string }>).map(
    ({ Type }) => Type,
  );
  return Object.fromEntries([...new Set(types)].sort().map((type) => [type, types.filter((t) => t === type).length]));
}

function aMonth() {
  return { requestsPerDay: 20_000, promptTokens: 500, thinkingTokens: 4_000, answerTokens: 500, activeHours: 12 };
}

function none(): Config {
  throw new Error('config/qwen3-l40s.json is missing.');
}
