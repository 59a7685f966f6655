import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  paginateListServiceQuotas,
} from '@aws-sdk/client-service-quotas';
import type { Quota } from '../../lib/facts/quota-codes.ts';
import { requiredQuotas } from '../../plan/required-quotas.ts';
import { toAwsError } from '../aws/aws-error.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { findEach } from './not-checked.ts';

const check = 'quotas';

/** Whether the quotas of the account are as large as the deployment needs. */
export const checkQuotas: Check = async ({ config, clients }) =>
  await findEach(
    check,
    requiredQuotas(config),
    async (quota) => await findingOf(quota, clients),
    () => clients.region,
  );

async function findingOf(quota: Quota, clients: AwsClients): Promise<Finding> {
  const name = `${quota.service}: ${quota.name}`;
  const value = await quotaValue(quota, clients);
  if (value === undefined) {
    return {
      check,
      status: 'unchecked',
      text: `${name} is not among the quotas of ${clients.region}.`,
      fix: quota.command,
    };
  }
  if (value >= quota.value) return { check, status: 'ok', text: `${name} is ${value}; ${quota.value} are needed.` };
  const text = `${name} is ${value}, but ${quota.value} are needed, since ${quota.why}.`;
  return { check, status: 'problem', text, fix: quota.command };
}

/** The quota of the account, or AWS's default if the account has none of its own. */
async function quotaValue({ service, name, code }: Quota, { quotas }: AwsClients): Promise<number | undefined> {
  if (code === undefined) {
    for await (const { Quotas: page = [] } of paginateListServiceQuotas({ client: quotas }, { ServiceCode: service })) {
      const found = page.find(({ QuotaName: quotaName }) => quotaName === name);
      if (found !== undefined) return found.Value;
    }
    return undefined;
  }
  const input = { ServiceCode: service, QuotaCode: code };
  try {
    return (await quotas.send(new GetServiceQuotaCommand(input))).Quota?.Value;
  } catch (error) {
    if (toAwsError(error).name !== 'NoSuchResourceException') throw error;
    return (await quotas.send(new GetAWSDefaultServiceQuotaCommand(input))).Quota?.Value;
  }
}
