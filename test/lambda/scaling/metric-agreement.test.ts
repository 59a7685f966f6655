import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { STUCK_METRIC } from '../../../lambda/watch/stuck-metric.ts';
import { aConfig, all, aModel, deployedSettings, only, synthesize } from '../../lib/synthesize.ts';
import { loadWorld, request } from './load-world.ts';

const byLoad = aConfig({
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

/** The alarms of scaling. That on what hangs reads a metric of a function of its own (test/lib/endpoint/stuck-watch.test.ts). */
function scalingAlarms(endpoint: Template) {
  return all(endpoint, 'AWS::CloudWatch::Alarm').filter(
    ({ Namespace, MetricName }) => Namespace === 'Budgetforce' && MetricName !== STUCK_METRIC,
  );
}

/** Metrics that the deployed scaling policies and alarms read. */
function readMetrics() {
  const { endpoint } = synthesize(byLoad);
  const alarms = scalingAlarms(endpoint);
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

/** Settings of the models in the same deployment. */
function deployedModels() {
  return deployedSettings(synthesize(byLoad)).models;
}

describe('The metrics that scaling reads', { timeout: 180_000 }, () => {
  it('the function of the same deployment writes the namespace, names and dimensions that scaling reads', async () => {
    const [model] = deployedModels();
    if (model?.scaling === undefined || model.upstream.kind !== 'sagemaker')
      throw new Error('The model has no scaling settings.');
    const { lines, autoscaler } = loadWorld(1, {
      owner: { endpointName: model.upstream.endpointName, modelId: model.scaling.modelId },
      settings: model.scaling,
    });
    await autoscaler.gate.admit(request('a'));
    const [line] = lines;
    if (line === undefined) throw new Error('No metrics were written.');
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
      // The same set of dimensions, with the written values.
      expect(dimensions.map(({ name }) => name).toSorted()).toEqual([...(directive?.Dimensions[0] ?? [])].toSorted());
      for (const { name, value } of dimensions) expect(line).toHaveProperty(name, value);
    }
  });

  it('scaling metrics have a resolution that their alarms can read', async () => {
    const { lines, autoscaler } = loadWorld(1);
    await autoscaler.gate.admit(request('a'));
    expect(lines[0]?._aws.CloudWatchMetrics[0]?.Metrics.every(({ StorageResolution }) => StorageResolution === 1)).toBe(
      true,
    );
    const periods = scalingAlarms(synthesize(byLoad).endpoint).map(({ Period }) => Period);
    expect(periods).toEqual([10, 10]);
  });
});

describe('Scaling by load in the template', { timeout: 180_000 }, () => {
  it('scaling by load replaces target tracking on the requests in flight', () => {
    const names = all(synthesize(byLoad).endpoint, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(
      ({ PolicyName }) => PolicyName,
    );
    expect(names).not.toContain('stage-s1-32b-requests-per-copy');
    expect(names).toContain('stage-s1-32b-missing-copies');
  });

  it('the step policy adds as many copies as are missing, up to 20 in one step', () => {
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

  it('scaling by load requires the architecture of the model', () => {
    expect(() => synthesize(aConfig({ models: [aModel({ scaling: { thinking: {} } })] }))).toThrow(
      /scaling.thinking of s1-32b needs .*write architecture/,
    );
  });

  it('the settings of the function contain the capacity of a copy', () => {
    expect(deployedModels()[0]?.scaling).toMatchObject({
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
