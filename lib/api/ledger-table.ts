import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, type ITableV2, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

/** What happens to the table of keys, limits, usage and load when the stack is deleted; `none` creates no table. */
export const ledgerChoices = ['keep', 'delete', 'none'] as const;
export type LedgerChoice = (typeof ledgerChoices)[number];

/** Actions of the function on the table (lambda/storage/table.ts). */
export const LEDGER_ACTIONS = [
  'dynamodb:GetItem',
  'dynamodb:BatchGetItem',
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:BatchWriteItem',
  'dynamodb:Query',
];

/**
 * Creates the table for keys, their limits, usage and the load of running requests: on-demand capacity, point-in-time
 * recovery, expired items deleted.
 */
function createLedgerTable(scope: Construct, id: string, choice: Exclude<LedgerChoice, 'none'>): TableV2 {
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

/** Returns the existing table of a name, a new table, or none. */
export function ledgerTable(
  scope: Construct,
  id: string,
  choice: LedgerChoice,
  name: string | undefined,
): TableV2 | ITableV2 | undefined {
  if (choice === 'none') return undefined;
  return name === undefined ? createLedgerTable(scope, id, choice) : TableV2.fromTableName(scope, id, name);
}
