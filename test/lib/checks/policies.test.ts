import type { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { addStacks } from '../../../lib/stacks.ts';
import { examples } from '../examples.ts';
import { anExampleApp } from '../synthesize.ts';
import { acknowledgedRules } from './acknowledged.ts';

describe('policies', () => {
  it.each(examples)(
    'policies of %s list their actions, and their resources or a reason for a wildcard',
    (_, config) => {
      const { networkStack, weightsStack, endpointStack, trainingStack, apiStack } = addStacks(anExampleApp(), config);
      const all = [networkStack, weightsStack, endpointStack, trainingStack, apiStack];
      const stacks = all.filter((stack) => stack !== undefined);
      const found = stacks.flatMap((stack) => wildcards(stack));
      const reasons = new Map(stacks.flatMap((stack) => acknowledgedRules(stack)));
      expect(found.filter(({ kind }) => kind === 'action')).toEqual([]);
      const unexplained = found.filter(({ text }) => ![...reasons.keys()].some((rule) => rule.endsWith(`::${text}]`)));
      expect(unexplained).toEqual([]);
      expect([...reasons.values()].filter((reason) => reason.trim().length < 20)).toEqual([]);
    },
  );

  it('this test finds a wildcard in an action and in a resource', () => {
    const statement = { Effect: 'Allow', Action: ['s3:Get*', 's3:ListBucket'], Resource: ['arn:aws:s3:::a/*', 'b'] };
    expect(wildcardsOf(statement)).toEqual([
      { kind: 'action', text: 's3:Get*' },
      { kind: 'resource', text: 'arn:aws:s3:::a/*' },
    ]);
    expect(wildcardsOf({ ...statement, Effect: 'Deny' })).toEqual([]);
    expect(
      wildcardsOf({ Effect: 'Allow', Action: '*', Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'B' }, ':*']] } }),
    ).toEqual([
      { kind: 'action', text: '*' },
      { kind: 'resource', text: 'arn:<B>:*' },
    ]);
  });
});

interface Wildcard {
  readonly kind: 'action' | 'resource';
  readonly text: string;
}

const oneOrMore = z
  .unknown()
  .optional()
  .transform((value) => (Array.isArray(value) ? value : value === undefined ? [] : [value]));
const statementSchema = z.object({
  Effect: z.string(),
  Action: oneOrMore,
  NotAction: z.undefined().optional(),
  NotResource: z.undefined().optional(),
  Resource: oneOrMore,
});

/** Finds the wildcards of every statement in a template: policies, inline policies, trust policies and resource policies. */
function wildcards(stack: Stack): readonly Wildcard[] {
  return statementsIn(Template.fromStack(stack).toJSON()).flatMap(wildcardsOf);
}

function statementsIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap(statementsIn);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'Statement' in value && Array.isArray(value.Statement) ? value.Statement : [];
  return [...own, ...Object.values(value).flatMap(statementsIn)];
}

function wildcardsOf(statement: unknown): readonly Wildcard[] {
  const { Effect, Action, Resource } = statementSchema.parse(statement);
  if (Effect !== 'Allow') return [];
  const holding = (kind: Wildcard['kind'], values: readonly unknown[]) =>
    values
      .map(flatten)
      .filter((text) => text.includes('*'))
      .map((text) => ({ kind, text }));
  return [...holding('action', Action), ...holding('resource', Resource)];
}

/** Formats a value of a template as cdk-nag does: `{ Ref: 'B' }` becomes `<B>`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Fn::Join' in value && Array.isArray(value['Fn::Join'])) {
    const [separator, parts] = value['Fn::Join'];
    return Array.isArray(parts) ? parts.map(flatten).join(String(separator)) : '';
  }
  if ('Fn::GetAtt' in value && Array.isArray(value['Fn::GetAtt'])) return `<${value['Fn::GetAtt'].join('.')}>`;
  return 'Ref' in value ? `<${String(value.Ref)}>` : JSON.stringify(value);
}
