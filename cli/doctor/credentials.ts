import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import {
  type AwsError,
  isExpired,
  isRejected,
  isUnauthenticated,
  isUnreachable,
  toAwsError,
} from '../aws/aws-error.ts';
import type { AwsClients } from './aws-clients.ts';
import type { Check, Finding } from './finding.ts';
import { optStatus } from './not-checked.ts';

const check = 'credentials';

/** Whose credentials are in use, and whether the account is that of the config. */
export const checkCredentials: Check = async ({ clients, config }) => {
  try {
    const { Account: account = '', Arn: arn = '' } = await clients.sts.send(new GetCallerIdentityCommand());
    if (config.account !== undefined && config.account !== account) {
      const text = `The credentials are of the account ${account}, but account in the config is ${config.account}.`;
      return [{ check, status: 'problem', text, fix: `export AWS_PROFILE=<a profile of ${config.account}>` }];
    }
    return [{ check, status: 'ok', text: `${arn} of the account ${account}.` }];
  } catch (cause) {
    const error = toAwsError(cause);
    if (!isUnauthenticated(error) && !isUnreachable(error)) throw cause;
    return [{ check, status: 'problem', ...reasonOf(error, clients) }];
  }
};

/** Why there is no identity. Nothing in the account can be checked without one, so each reason is a problem. */
function reasonOf(error: AwsError, { region, profile }: AwsClients): Pick<Finding, 'text' | 'fix'> {
  if (isUnreachable(error)) {
    const text = `AWS cannot be reached in ${region} (${error.message}), so what is in the account cannot be checked: write a region that exists, or look at the network and its proxy.`;
    return { text, fix: `aws sts get-caller-identity --region ${region}` };
  }
  if (isExpired(error)) {
    const text = `The credentials have expired (${error.name}), so what is in the account cannot be checked.`;
    return { text, fix: `aws sso login${profile === undefined ? '' : ` --profile ${profile}`}` };
  }
  if (isRejected(error)) {
    const text = `${region} refuses the credentials (${error.name}), so what is in the account cannot be checked: they are wrong, or the account has not enabled the region.`;
    return { text, fix: optStatus(region) };
  }
  if (profile !== undefined) {
    const text = `The profile ${profile} has no valid credentials (${error.name}), so what is in the account cannot be checked.`;
    return { text, fix: 'aws configure list-profiles' };
  }
  const text = `There are no valid credentials for AWS (${error.name}), so what is in the account cannot be checked.`;
  return { text, fix: 'aws configure sso, then export AWS_PROFILE=<its profile>' };
}
