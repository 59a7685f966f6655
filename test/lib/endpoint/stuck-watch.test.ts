import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { stuckLine } from '../../../lambda/watch/stuck-metric.ts';
import { aConfig, all, aModel, synthesize } from '../synthesize.ts';

const topic = 'arn:aws:sns:us-east-1:111122223333:alarms';
const watchAlarms = (template: Template) =>
  all(template, 'AWS::CloudWatch::Alarm').filter(({ MetricName }) => MetricName === 'MinutesInTransition');

describe('the watch over what hangs', () => {
  it('rings after an hour by default, on the metric that the function writes', () => {
    const [alarm] = watchAlarms(synthesize(aConfig()).endpoint);
    expect(alarm).toMatchObject({ Threshold: 60, ComparisonOperator: 'GreaterThanThreshold', Period: 600 });
    expect(alarm?.['AlarmDescription']).toMatch(/^The endpoint stage .*more than 60 minutes\. Runbook: .*#stuck$/);
    const { _aws, ...line } = stuckLine('stage', [], 0);
    const [{ Namespace, Dimensions, Metrics }] = _aws.CloudWatchMetrics as [(typeof _aws.CloudWatchMetrics)[number]];
    expect(alarm).toMatchObject({
      Namespace,
      MetricName: Metrics[0]?.Name,
      Dimensions: Dimensions[0]?.map((Name) => ({ Name, Value: Reflect.get(line, Name) })),
    });
  });

  it('notifies the topic of the config after its own time', () => {
    const [alarm] = watchAlarms(
      synthesize(aConfig({ watching: { alarmTopicArn: topic, stuckMinutes: 90, runbookUrl: 'https://wiki/x' } }))
        .endpoint,
    );
    expect(alarm).toMatchObject({ Threshold: 90, AlarmActions: [topic], OKActions: [topic] });
    expect(alarm?.['AlarmDescription']).toContain('https://wiki/x#stuck');
  });

  it.each([[{ stuckMinutes: false as const }], [{ alarms: false }]])('does not exist with %j', (watching) => {
    const { endpoint } = synthesize(aConfig({ watching }));
    expect(watchAlarms(endpoint)).toEqual([]);
    endpoint.resourceCountIs('AWS::Lambda::Function', 0);
  });

  it('is there before the endpoint and its components, and is deleted after them', () => {
    const { endpoint } = synthesize(aConfig());
    const [watch] = Object.keys(endpoint.findResources('AWS::Lambda::Function'));
    for (const type of ['AWS::SageMaker::Endpoint', 'AWS::SageMaker::InferenceComponent']) {
      for (const { DependsOn } of Object.values(endpoint.findResources(type))) expect(DependsOn).toContain(watch);
    }
  });

  it('may describe this endpoint and its components, and change nothing', () => {
    const { endpoint } = synthesize(
      aConfig({ models: ['s1-32b', 'other'].map((id) => aModel({ id, copies: { initial: 1, min: 1, max: 2 } })) }),
    );
    const [handler] = all(endpoint, 'AWS::Lambda::Function');
    expect(handler?.['Environment']).toEqual({
      Variables: { ENDPOINT_NAME: 'stage', COMPONENT_NAMES: 'stage-s1-32b,stage-other' },
    });
    const statements = all(endpoint, 'AWS::IAM::Policy')
      .map(({ PolicyDocument }) => JSON.stringify(PolicyDocument))
      .filter((text) => text.includes('sagemaker:Describe'));
    expect(statements).toHaveLength(1);
    expect(statements[0]?.match(/"sagemaker:\w+"/g)).toEqual([
      '"sagemaker:DescribeEndpoint"',
      '"sagemaker:DescribeInferenceComponent"',
    ]);
    for (const name of [':endpoint/stage"', ':inference-component/stage-s1-32b"', ':inference-component/stage-other"'])
      expect(statements[0]).toContain(name);
  });
});
