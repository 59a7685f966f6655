import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type { Construct } from 'constructs';
import type { MonthlyBudget } from './monitoring-props.ts';

/** Name of the tag by which costs are found. It has to be activated once as a cost allocation tag of the account. */
export const COST_TAG = 'budgetforce';

/**
 * Adds a monthly budget, which notifies at 80 % spent and at 100 % forecast.
 *
 * @param tagKey key of the cost tag whose value is `tag`
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-budgets-budget.html
 */
export function addBudget(
  scope: Construct,
  { dollarsPerMonth, emails = [], tag }: MonthlyBudget,
  topicArn: string | undefined,
  tagKey: string = COST_TAG,
): void {
  const subscribers = [
    ...emails.map((address) => ({ subscriptionType: 'EMAIL', address })),
    ...(topicArn === undefined ? [] : [{ subscriptionType: 'SNS', address: topicArn }]),
  ];
  const notification = (type: 'ACTUAL' | 'FORECASTED', percent: number) => ({
    notification: {
      notificationType: type,
      comparisonOperator: 'GREATER_THAN',
      threshold: percent,
      thresholdType: 'PERCENTAGE',
    },
    subscribers,
  });
  new CfnBudget(scope, 'Budget', {
    budget: {
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      budgetLimit: { amount: dollarsPerMonth, unit: 'USD' },
      costFilters: { TagKeyValue: [`user:${tagKey}$${tag}`] },
    },
    notificationsWithSubscribers:
      subscribers.length === 0 ? [] : [notification('ACTUAL', 80), notification('FORECASTED', 100)],
  });
}
