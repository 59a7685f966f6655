import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { settingsSchema } from '../../../lambda/settings/settings.ts';
import { DECODE_EFFICIENCY } from '../../../lib/endpoint/copy-capacity.ts';
import { defaultPrices } from '../../../lib/facts/prices.ts';
import { aConfig, all, aModel, only, synthesize } from '../../lib/synthesize.ts';
import { loadWorld, request } from './load-world.ts';

const byLoad = aConfig({
  // Without a secret the settings hold no token, and can be read here.
  api: { apiKey: false },
  models: [
    aModel({
      architecture: 'qwen2.5-32b',
      scaling: { thinking: { elastic: 'always' }, committedTokensPerCopy: 40_000 },
    }),
  ],
});

const metricSchema = z.object({
  namespace: z.string(),
  metricName: z.string(),
  dimensions: z.array(z.object({ name: z.string(), value: z.string() })),
});

/** The metrics that the deployed policies and alarms of copies read. */
function readMetrics() {
  const { endpoint } = synthesize(byLoad);
  const alarms = all(endpoint, 'AWS::CloudWatch::Alarm').filter(({ Namespace }) => Namespace === 'Budgetforce');
  const tracked = all(endpoint, 'AWS::ApplicationAutoScaling::ScalingPolicy').flatMap((policy) => {
    const found = z
      .object({
        TargetTrackingScalingPolicyConfiguration: z.object({
          CustomizedMetricSpecification: z.object({
            Namespace: z.string(),
            MetricName: z.string(),
            Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })),
          }),
        }),
      })
      .safeParse(policy);
    return found.success ? [found.data.TargetTrackingScalingPolicyConfiguration.CustomizedMetricSpecification] : [];
  });
  return [...alarms, ...tracked].map(({ Namespace, MetricName, Dimensions }) =>
    metricSchema.parse({
      namespace: Namespace,
      metricName: MetricName,
      dimensions: z
        .array(z.object({ Name: z.string(), Value: z.string() }))
        .parse(Dimensions)
        .map(({ Name, Value }) => ({ name: Name, value: Value })),
    }),
  );
}

/** Settings with a reference in them, to the table, are joined at deployment. */
function settingsText(value: unknown): string {
  const { 'Fn::Join': parts } = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) }).parse(value);
  return parts[1].map((part) => (typeof part === 'string' ? part : 'deployed')).join(parts[0]);
}

/** What the function deployed beside them has as its settings. */
function deployedSettings() {
  const { api } = synthesize(byLoad);
  const environmentSchema = z.object({
    Environment: z.object({ Variables: z.object({ BUDGETFORCE_SETTINGS: z.unknown() }) }),
  });
  const found = all(api, 'AWS::Lambda::Function').flatMap(
    (resource) => environmentSchema.safeParse(resource).data ?? [],
  );
  const text = settingsText(found[0]?.Environment.Variables.BUDGETFORCE_SETTINGS);
  return settingsSchema.shape.models.parse(JSON.parse(text).models);
}

describe('What scaling reads', { timeout: 180_000 }, () => {
  it('is what the function of the same deployment writes: namespace, names and dimensions', async () => {
    const [model] = deployedSettings();
    if (model?.scaling === undefined || model.backend.kind !== 'sagemaker') throw new Error('no scaling');
    const { lines, autoscaler } = loadWorld(1, {
      owner: { endpointName: model.backend.endpointName, modelId: model.scaling.modelId },
      settings: model.scaling,
    });
    await autoscaler.gate.admit(request('a'));
    const [line] = lines;
    if (line === undefined) throw new Error('nothing was written');
    const [directive] = line._aws.CloudWatchMetrics;
    const read = readMetrics();
    expect(read.map(({ metricName }) => metricName).toSorted()).toEqual([
      'CommittedTokensPerCopy',
      'MissingCopies',
      'SpareCopies',
    ]);
    for (const { namespace, metricName, dimensions } of read) {
      expect(namespace).toBe(directive?.Namespace);
      expect(directive?.Metrics.map(({ Name }) => Name)).toContain(metricName);
      expect(line).toHaveProperty(metricName, expect.any(Number));
      // Every dimension of the metric that is read, and no other, with the value that is written.
      expect(dimensions.map(({ name }) => name).toSorted()).toEqual([...(directive?.Dimensions[0] ?? [])].toSorted());
      for (const { name, value } of dimensions) expect(line).toHaveProperty(name, value);
    }
  });

  it('is written in a resolution that its alarms can read', async () => {
    const { lines, autoscaler } = loadWorld(1);
    await autoscaler.gate.admit(request('a'));
    expect(lines[0]?._aws.CloudWatchMetrics[0]?.Metrics.every(({ StorageResolution }) => StorageResolution === 1)).toBe(
      true,
    );
    const periods = all(synthesize(byLoad).endpoint, 'AWS::CloudWatch::Alarm')
      .filter(({ Namespace }) => Namespace === 'Budgetforce')
      .map(({ Period }) => Period);
    expect(periods).toEqual([10, 10]);
  });
});

describe('Scaling by load, deployed', { timeout: 180_000 }, () => {
  it('replaces the target of requests in flight, which would ask for copies by what has already happened', () => {
    const names = all(synthesize(byLoad).endpoint, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(
      ({ PolicyName }) => PolicyName,
    );
    expect(names).not.toContain('stage-s1-32b-requests-per-copy');
    expect(names).toContain('stage-s1-32b-missing-copies');
  });

  it('adds as many copies as are missing, up to 20 at once', () => {
    const policy = all(synthesize(byLoad).endpoint, 'AWS::ApplicationAutoScaling::ScalingPolicy').find(
      ({ PolicyName }) => PolicyName === 'stage-s1-32b-missing-copies',
    );
    expect(policy).toMatchObject({
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        StepAdjustments: Array.from({ length: 20 }, (_, index) => ({
          MetricIntervalLowerBound: index,
          ScalingAdjustment: index + 1,
          ...(index < 19 ? { MetricIntervalUpperBound: index + 1 } : {}),
        })),
      },
    });
  });

  it('begins with the speed that budgetforce plan assumes', () => {
    expect(DECODE_EFFICIENCY).toBe(defaultPrices.assumptions.decodeEfficiency);
  });

  it('needs to know what a copy holds', () => {
    expect(() => synthesize(aConfig({ models: [aModel({ scaling: { thinking: {} } })] }))).toThrow(
      /scaling.thinking of s1-32b needs .*write architecture/,
    );
  });

  it('tells the function what a copy can do', () => {
    expect(deployedSettings()[0]?.scaling).toMatchObject({
      componentName: 'stage-s1-32b',
      minCopies: 1,
      maxCopies: 4,
      copiesPerInstance: 4,
      elastic: 'always',
    });
    expect(only(synthesize(byLoad).endpoint, 'AWS::ApplicationAutoScaling::ScalableTarget')).toMatchObject({
      MinCapacity: 1,
      MaxCapacity: 4,
    });
  });
});
