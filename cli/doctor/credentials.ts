import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { isUnauthenticated, toAwsError } from './aws-error.ts';
import type { Check } from './finding.ts';

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
    if (!isUnauthenticated(error)) throw cause;
    const text = `There are no valid credentials for AWS (${error.name}), so what is in the account cannot be checked.`;
    return [{ check, status: 'problem', text, fix: 'aws configure sso, then export AWS_PROFILE=<its profile>' }];
  }
};
