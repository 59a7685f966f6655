import { describe, expect, it } from 'vitest';
import { isTickEvent, TICK_EVENT } from '../../../lambda/aws/tick-event.ts';
import { aConfig, all, aModel, only, synthesize } from '../synthesize.ts';

const byLoad = aConfig({ models: [aModel({ architecture: 'qwen2.5-32b', scaling: { thinking: {} } })] });

describe('the ledger table', { timeout: 180_000 }, () => {
  it('the ledger table is retained when its stack is deleted, and the function gets its name', () => {
    const { api } = synthesize(byLoad);
    expect(only(api, 'AWS::DynamoDB::GlobalTable')).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST',
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    });
    expect(JSON.stringify(all(api, 'AWS::Lambda::Function'))).toContain('"BUDGETFORCE_TABLE_NAME":{"Ref":"ApiLedger');
  });

  it('the function may change the copies of its own components only', () => {
    const { api } = synthesize(byLoad);
    const statements = JSON.stringify(all(api, 'AWS::IAM::Policy'));
    expect(statements).toContain('sagemaker:UpdateInferenceComponentRuntimeConfig');
    expect(statements).toContain(':inference-component/stage-s1-32b');
    expect(statements).toContain('"application-autoscaling:service-namespace":"sagemaker"');
    expect(statements).not.toMatch(/"(sagemaker|dynamodb|application-autoscaling):\*"/);
  });

  it('an event that no client can send invokes the function every minute', () => {
    const { api } = synthesize(byLoad);
    expect(only(api, 'AWS::Events::Rule')).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      Targets: [{ Input: JSON.stringify(TICK_EVENT) }],
    });
    expect(isTickEvent(TICK_EVENT)).toBe(true);
    expect(isTickEvent({ ...TICK_EVENT, httpMethod: 'POST', path: '/' })).toBe(false);
  });

  it('the event of every minute exists only if a model scales by load', () => {
    expect(all(synthesize(aConfig()).api, 'AWS::Events::Rule')).toEqual([]);
  });

  it('the ledger table can be deleted with its stack, or not created', () => {
    const policyOf = (ledger: 'keep' | 'delete') =>
      Object.values(synthesize(aConfig({ api: { ledger } })).api.findResources('AWS::DynamoDB::GlobalTable'))[0]?.[
        'DeletionPolicy'
      ];
    expect([policyOf('keep'), policyOf('delete')]).toEqual(['Retain', 'Delete']);
    expect(all(synthesize(aConfig({ api: { ledger: 'none' } })).api, 'AWS::DynamoDB::GlobalTable')).toEqual([]);
    expect(() => synthesize({ ...byLoad, api: { ledger: 'none' } })).toThrow(/api.ledger is "none".*write "keep"/);
  });
});
