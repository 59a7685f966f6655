import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import type { Refusal } from '../facts/refusal.ts';

/** What becomes of the table of keys, limits, usage and load when the stack is deleted, or that there is none. */
export const ledgerChoices = ['keep', 'delete', 'none'] as const;
export type LedgerChoice = (typeof ledgerChoices)[number];

/** What the function does with the table (lambda/storage/table.ts), and no more. */
export const LEDGER_ACTIONS = ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:Query'];

/** One table for keys, their limits, usage and the load of requests under way: pay per request, backed up, its old items go by themselves. */
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

/** Refuses scaling by load without a place where functions tell each other of it. */
export function loadWithoutLedger(choice: LedgerChoice, scaledModel: string | undefined): Refusal | undefined {
  if (choice !== 'none' || scaledModel === undefined) return undefined;
  return {
    code: 'ledger',
    sentence: `api.ledger is "none", but scaling.thinking of ${scaledModel} looks at the load of all functions together, which is kept there: write "keep" or "delete", or leave out scaling.thinking.`,
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html',
  };
}
