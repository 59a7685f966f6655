import { GetAccountCommand } from '@aws-sdk/client-api-gateway';
import type { Check } from './finding.ts';

const check = 'log role';

/** Whether API Gateway has the role of the account with which it writes access logs. Without one, the deployment of the API fails. */
export const checkLogRole: Check = async ({ config, clients }) => {
  if (config.api.accountLogRole)
    return [{ check, status: 'ok', text: 'The stack sets the log role of API Gateway (api.accountLogRole).' }];
  const { cloudwatchRoleArn: arn } = await clients.apiGateway.send(new GetAccountCommand());
  if (arn !== undefined && arn !== '') return [{ check, status: 'ok', text: `API Gateway writes logs as ${arn}.` }];
  return [
    {
      check,
      status: 'problem',
      text: `The log role of API Gateway is not set in ${clients.region}, so the deployment of the API would fail. docs/deploying.md has the commands that make the role.`,
      fix: `aws apigateway update-account --region ${clients.region} --patch-operations op=replace,path=/cloudwatchRoleArn,value=<ARN of the role>`,
    },
  ];
};
