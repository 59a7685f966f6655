import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Says why a policy holds a wildcard, or a managed policy, for cdk-nag and its readers. One finding a call: a further
 * wildcard in the same policy is a new finding.
 *
 * @param finding for instance `IAM5`
 * @param part `Resource` or `Policy`
 * @param arn the very string of the policy, which may hold tokens
 */
export function acknowledgeArn(
  scope: IConstruct,
  finding: 'IAM4' | 'IAM5',
  part: 'Resource' | 'Policy',
  arn: string,
  reason: string,
): void {
  const id = `AwsSolutions-${finding}[${part}::${flatten(Stack.of(scope).resolve(arn))}]`;
  Validations.of(scope).acknowledge({ id, reason });
}

/** cdk-nag writes `{ Ref: 'AWS::Partition' }` as `<AWS::Partition>`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Fn::Join' in value && Array.isArray(value['Fn::Join'])) {
    const parts: unknown = value['Fn::Join'][1];
    return Array.isArray(parts) ? parts.map(flatten).join('') : '';
  }
  if ('Fn::GetAtt' in value && Array.isArray(value['Fn::GetAtt'])) return `<${value['Fn::GetAtt'].join('.')}>`;
  return 'Ref' in value ? `<${String(value.Ref)}>` : '';
}
