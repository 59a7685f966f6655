import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

/** What happens to the table of keys, limits, usage and load when the stack is deleted; `none` creates no table. */
export const ledgerChoices = ['keep', 'delete', 'none'] as const;
export type LedgerChoice = (typeof ledgerChoices)[number];

/** Actions of the function on the table (lambda/storage/table.ts). */
export const LEDGER_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:Query'];

/**
 * Creates the table for keys, their limits, usage and the load of running requests: on-demand capacity, point-in-time
 * recovery, expired items deleted.
 */
export function createLedgerTable(scope: Construct, id: string, choice: Exclude<LedgerChoice, 'none'>): TableV2 {
  return new TableV2(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    timeToLiveAttribute: 'ttl',
    billing: Billing.onDemand(),
    encryption: TableEncryptionV2.awsManagedKey(),
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    removalPolicy: choice === 'keep' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
}
