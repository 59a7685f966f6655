import { type App, Tags } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { ApiStack } from './api/stack.ts';
import type { Config } from './config.ts';
import { EndpointStack } from './endpoint/stack.ts';

/** The two stacks of one stage. Why two: docs/decisions/0007-two-stacks.md. */
export function addStacks(
  app: App,
  config: Config,
  { code }: { readonly code?: Code } = {},
): { readonly endpointStack: EndpointStack; readonly apiStack: ApiStack } {
  const env = { region: config.region, ...(config.account !== undefined && { account: config.account }) };
  const endpointStack = new EndpointStack(app, `${config.name}-endpoint`, {
    env,
    description: `Budgetforce ${config.name}: GPU endpoint and its models`,
    config,
  });
  const apiStack = new ApiStack(app, `${config.name}-api`, {
    env,
    description: `Budgetforce ${config.name}: OpenAI-compatible API`,
    config,
    endpoint: endpointStack.endpoint,
    code,
  });
  // The names are plain strings, so nothing else says which comes first.
  apiStack.addStackDependency(endpointStack);
  Tags.of(app).add('budgetforce', config.name);
  return { endpointStack, apiStack };
}
