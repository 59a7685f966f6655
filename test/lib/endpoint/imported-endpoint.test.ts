import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { type ImportedModelProps, ReasoningApi, ReasoningEndpoint, RefusedError } from '../../../lib/index.ts';
import { anApp, deployedSettings, only } from '../synthesize.ts';

const withComponent: ImportedModelProps = {
  id: 's1-32b',
  inferenceComponentName: 'reasoning-s1-32b',
  contextTokens: 32_768,
};
const alone: ImportedModelProps = { id: 's1-32b', contextTokens: 32_768, servedModelName: 'simplescaling/s1-32B' };

describe('an endpoint that exists already', () => {
  it.each([
    ['with a component', withComponent, ['endpoint/reasoning', 'inference-component/reasoning-s1-32b']],
    ['without components', alone, ['endpoint/reasoning']],
  ] as const)('%s: nothing of it is created, and the function may invoke it and nothing else', (_, model, names) => {
    const { template } = front([model]);
    expect(JSON.stringify(template.findResources('AWS::SageMaker::Endpoint'))).toBe('{}');
    const { PolicyDocument } = only(template, 'AWS::IAM::Policy');
    const statements = (PolicyDocument as { Statement: { Action: string | string[]; Resource: unknown }[] }).Statement;
    const invoke = statements.filter(({ Action }) => JSON.stringify(Action).includes('sagemaker:'));
    expect(invoke).toHaveLength(1);
    expect(invoke[0]?.Action).toEqual(['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream']);
    const resources = JSON.stringify(invoke[0]?.Resource);
    for (const name of names) expect(resources).toContain(`:${name}"`);
    expect(resources.match(/:sagemaker:/g)).toHaveLength(names.length);
  });

  it('gives the function its names, and budgets from its window', () => {
    const { template, api } = front([withComponent]);
    expect(deployedSettings({ api: template, settingsFile: api.settingsFile }).models[0]).toMatchObject({
      upstream: {
        kind: 'sagemaker',
        endpointName: 'reasoning',
        inferenceComponentName: 'reasoning-s1-32b',
        servedModelName: 's1-32b',
      },
      contextTokens: 32_768,
      maxThinkingTokens: 28_672,
    });
  });

  it('without components, the function names none', () => {
    const { template, api } = front([alone]);
    expect(deployedSettings({ api: template, settingsFile: api.settingsFile }).models[0]?.upstream).toEqual({
      kind: 'sagemaker',
      endpointName: 'reasoning',
      servedModelName: 'simplescaling/s1-32B',
    });
  });

  it('has the metrics that the function writes under its name', () => {
    const stack = aStack();
    const endpoint = ReasoningEndpoint.fromEndpointName(stack, 'E', { endpointName: 'reasoning', models: [alone] });
    expect(endpoint.metric('Failures').dimensions).toEqual({ Endpoint: 'reasoning', Model: 's1-32b' });
    expect(() => endpoint.metric('Failures', 'other')).toThrow(/has no model "other": write one of s1-32b/);
  });

  it.each([
    ['an ARN as its name', 'arn:aws:sagemaker:us-east-1:111122223333:endpoint/reasoning', [alone], /write the name/],
    [
      'a component by its ARN',
      'reasoning',
      [{ ...alone, inferenceComponentName: 'a/b' }],
      /inferenceComponentName of s1-32b/,
    ],
    ['no model', 'reasoning', [], /at least one model/],
    ['a window of 0', 'reasoning', [{ ...alone, contextTokens: 0 }], /whole number from 128 on/],
    ['a window that is no number', 'reasoning', [{ ...alone, contextTokens: Number.NaN }], /whole number from 128 on/],
  ] as const)('is refused with %s', (_, endpointName, models, reason) => {
    const make = () => ReasoningEndpoint.fromEndpointName(aStack(), 'Endpoint', { endpointName, models });
    expect(make).toThrow(RefusedError);
    expect(make).toThrow(reason);
  });
});

function aStack(): Stack {
  return new Stack(anApp(), 'Front', { env: { region: 'us-east-1' } });
}

function front(models: readonly ImportedModelProps[]) {
  const stack = aStack();
  const endpoint = ReasoningEndpoint.fromEndpointName(stack, 'Endpoint', { endpointName: 'reasoning', models });
  const api = new ReasoningApi(stack, 'Api', {
    endpoint,
    models: endpoint.models.map((model) => ({ model, format: 's1' })),
    ledger: 'none',
  });
  return { api, template: Template.fromStack(stack) };
}
