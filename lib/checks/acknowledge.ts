import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Records the reason for a wildcard (IAM5) or a managed policy (IAM4), for cdk-nag and its readers. One call covers one
 * ARN: a further wildcard in the same policy is a new finding.
 *
 * @param arn exact string in the policy; may contain CDK tokens
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

/** Formats a resolved value as cdk-nag does: `{ Ref: 'AWS::Partition' }` becomes `<AWS::Partition>`. */
function flatten(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('Fn::Join' in value && Array.isArray(value['Fn::Join'])) {
    const parts: unknown = value['Fn::Join'][1];
    return Array.isArray(parts) ? parts.map(flatten).join('') : '';
  }
  if ('Fn::GetAtt' in value && Array.isArray(value['Fn::GetAtt'])) return `<${value['Fn::GetAtt'].join('.')}>`;
  return 'Ref' in value ? `<${String(value.Ref)}>` : '';
}
