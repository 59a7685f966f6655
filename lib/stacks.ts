import { type App, Tags } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { ApiStack } from './api/stack.ts';
import { type Config, hostedPart } from './config.ts';
import { EndpointStack } from './endpoint/stack.ts';

/**
 * Adds the stacks of one stage to an app: the endpoint's and the API's, or only the API's if every model is on a server of its own. For
 * why there are two, see docs/decisions/0007-two-stacks.md.
 */
export function addStacks(
  app: App,
  config: Config,
  { code }: { readonly code?: Code } = {},
): { readonly endpointStack: EndpointStack | undefined; readonly apiStack: ApiStack } {
  const env = { region: config.region, ...(config.account !== undefined && { account: config.account }) };
  const hosted = hostedPart(config);
  const endpointStack =
    hosted &&
    new EndpointStack(app, `${config.name}-endpoint`, {
      env,
      description: `Budgetforce ${config.name}: GPU endpoint and its models`,
      config: hosted,
    });
  const apiStack = new ApiStack(app, `${config.name}-api`, {
    env,
    description: `Budgetforce ${config.name}: OpenAI-compatible API`,
    config,
    endpoint: endpointStack?.endpoint,
    code,
  });
  // Names are plain strings, from which CDK derives no order of the stacks.
  if (endpointStack !== undefined) apiStack.addStackDependency(endpointStack);
  Tags.of(app).add('budgetforce', config.name);
  return { endpointStack, apiStack };
}
