import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { addStacks } from '../../lib/stacks.ts';
import { examples } from './examples.ts';
import { aConfig, addStages, aModel, anApp, anExampleApp } from './synthesize.ts';

/**
 * Services that act for many accounts, so that one of them could be asked to use a role of another account (the confused deputy). Each
 * sets `aws:SourceAccount` when it assumes a role, and the trust policy must require it.
 *
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
 */
const namesTheAccount: ReadonlySet<string> = new Set([
  'sagemaker.amazonaws.com',
  'codebuild.amazonaws.com',
  'states.amazonaws.com',
  'events.amazonaws.com',
  'vpc-flow-logs.amazonaws.com',
]);

/** Lambda checks `iam:PassRole` of whoever creates the function, and sets no source when it assumes the role. */
const namesNoSource: ReadonlySet<string> = new Set(['lambda.amazonaws.com']);

const statement = z.object({
  Effect: z.literal('Allow'),
  Action: z.literal('sts:AssumeRole'),
  Principal: z.strictObject({ Service: z.string() }),
  Condition: z.object({ StringEquals: z.record(z.string(), z.unknown()) }).optional(),
});
const roleSchema = z.object({ AssumeRolePolicyDocument: z.object({ Statement: z.array(statement).min(1) }) });

function trustsOf(stack: Stack) {
  return Object.entries(Template.fromStack(stack).findResources('AWS::IAM::Role')).flatMap(([id, { Properties }]) =>
    roleSchema
      .parse(Properties)
      .AssumeRolePolicyDocument.Statement.map((trust) => ({ id, account: stack.account, ...trust })),
  );
}

function checkTrusts(stacks: readonly Stack[]): readonly string[] {
  const services: string[] = [];
  for (const { id, account, Principal, Condition } of stacks.flatMap(trustsOf)) {
    const service = Principal.Service;
    services.push(service);
    if (namesNoSource.has(service)) continue;
    expect(namesTheAccount, `${id}: say in this test whether ${service} sets aws:SourceAccount`).toContain(service);
    const own = account.startsWith('${') ? { Ref: 'AWS::AccountId' } : account;
    expect(Condition, `${id} lets ${service} use it for other accounts`).toEqual({
      StringEquals: { 'aws:SourceAccount': own },
    });
  }
  return services;
}

const stacksOf = (added: ReturnType<typeof addStacks>) =>
  Object.values(added).flatMap((stack): readonly Stack[] => (stack === undefined ? [] : [stack]));

describe('the trust policy of each role', () => {
  it.each(examples)('of the example config %s names the account for which a service may use it', (_name, config) => {
    expect(checkTrusts(stacksOf(addStacks(anExampleApp(), config))).length).toBeGreaterThan(0);
  });

  it('of a config with all that can be configured does so, too, with each service that assumes a role', () => {
    const services = checkTrusts(
      stacksOf(
        addStages(
          anApp(),
          aConfig({
            endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 1, min: 1, max: 2 } },
            models: [aModel({ architecture: 'qwen2.5-32b' })],
            training: {
              base: { kind: 's3', uri: 's3://weights/qwen/' },
              evaluation: { questions: 's3://weights/questions.jsonl' },
            },
            weights: {},
          }),
        ),
      ),
    );
    expect([...new Set(services)].toSorted()).toEqual([
      'codebuild.amazonaws.com',
      'events.amazonaws.com',
      'lambda.amazonaws.com',
      'sagemaker.amazonaws.com',
      'states.amazonaws.com',
    ]);
  });
});
