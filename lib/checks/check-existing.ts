import { Token } from 'aws-cdk-lib';
import type { Refusal } from '../facts/refusal.ts';
import { checkSecret } from './check-upstream.ts';

/** Refuses an existing secret or table that another setting makes useless. */
export function checkExisting(
  region: string,
  props: {
    readonly apiKey?: boolean | undefined;
    readonly apiKeySecretArn?: string | undefined;
    readonly ledgerTableName?: string | undefined;
  },
  ledger: string,
): readonly (Refusal | undefined)[] {
  const { apiKey, apiKeySecretArn: arn, ledgerTableName: table } = props;
  return [
    apiKey === false && arn !== undefined
      ? {
          code: 'unused-secret',
          sentence: `api.apiKeySecretArn is set, but api.apiKey is false, so no request would need its key: leave one of them out.`,
          source: 'https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_iam-permissions.html',
        }
      : arn === undefined || Token.isUnresolved(arn)
        ? undefined
        : checkSecret(region, arn, 'api.apiKeySecretArn'),
    table !== undefined && ledger !== 'keep'
      ? {
          code: 'existing-table',
          sentence: `api.ledgerTableName is "${table}", but api.ledger is "${ledger}", and an existing table is always kept: write api.ledger "keep", or leave the name out.`,
          source: 'https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html',
        }
      : undefined,
  ];
}
