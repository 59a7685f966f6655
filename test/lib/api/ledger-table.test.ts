import { describe, expect, it } from 'vitest';
import { isTickEvent, TICK_EVENT } from '../../../lambda/aws/tick-event.ts';
import { aConfig, all, aModel, deployedSettings, only, synthesize } from '../synthesize.ts';

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

  it('an existing table is used, and the function may use this one only', () => {
    const synthesized = synthesize(aConfig({ api: { ledgerTableName: 'kept-by-the-last-stack' } }));
    const { api } = synthesized;
    expect(all(api, 'AWS::DynamoDB::GlobalTable')).toEqual([]);
    expect(JSON.stringify(deployedSettings(synthesized))).toContain('"kept-by-the-last-stack"');
    const policies = JSON.stringify(all(api, 'AWS::IAM::Policy'));
    expect(policies).toContain(':table/kept-by-the-last-stack');
    expect(policies).not.toContain(':table/*');
  });

  it('an existing secret has the key, and the function may read this one only', () => {
    const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:team/key-AbCdEf';
    const { api } = synthesize(aConfig({ api: { apiKeySecretArn: arn } }));
    expect(all(api, 'AWS::SecretsManager::Secret')).toEqual([]);
    const statements = JSON.stringify(all(api, 'AWS::IAM::Policy'));
    expect(statements).toContain(arn);
    expect(JSON.stringify(api.findOutputs('ReadApiKey'))).toContain(`--secret-id ${arn} `);
  });

  it.each(['arn:aws:secretsmanager:us-east-1:111122223333:secret:key', 'key'])('refuses %s as a secret', (arn) => {
    expect(() => synthesize(aConfig({ api: { apiKeySecretArn: arn } }))).toThrow('Expected the whole ARN of a secret');
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
