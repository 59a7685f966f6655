import { type Environment, Tags } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ApiStack } from './api/stack.ts';
import { type Config, type HostedConfig, hostedPart, type ModelConfig } from './config.ts';
import { copyRangeOf } from './endpoint/model-props.ts';
import { NetworkStack } from './endpoint/network-stack.ts';
import { EndpointStack } from './endpoint/stack.ts';
import { COST_TAG } from './monitoring/budget.ts';
import { TrainingStack } from './training/stack.ts';
import { WeightsStack } from './weights/stack.ts';

/**
 * Adds the stacks of one stage to an app, or to a `Stage` of a pipeline: the network's if it is isolated, that of the bucket of weights if the config has it, the endpoint's and the API's, or only the API's if every model is on
 * a server of its own. For why there are several, see docs/decisions/0007-two-stacks.md.
 */
export function addStacks(
  scope: Construct,
  config: Config,
  { code }: { readonly code?: Code } = {},
): {
  readonly networkStack: NetworkStack | undefined;
  readonly weightsStack: WeightsStack | undefined;
  readonly endpointStack: EndpointStack | undefined;
  readonly trainingStack: TrainingStack | undefined;
  readonly apiStack: ApiStack;
} {
  const env = { region: config.region, ...(config.account !== undefined && { account: config.account }) };
  const hosted = hostedPart(config);
  const networkStack = hosted && addNetworkStack(scope, hosted, env);
  const weightsStack =
    config.weights &&
    new WeightsStack(scope, `${config.name}-weights`, {
      env,
      description: `Budgetforce ${config.name}: bucket of weights, and the project that fills it`,
      weights: config.weights,
      logRetentionDays: config.logRetentionDays,
    });
  const endpointStack =
    hosted &&
    new EndpointStack(scope, `${config.name}-endpoint`, {
      env,
      description: `Budgetforce ${config.name}: GPU endpoint and its models`,
      config: hosted,
      network: networkStack?.network,
    });
  const trainingStack = endpointStack && hosted && addTrainingStack(scope, hosted, env, endpointStack, networkStack);
  const apiStack = new ApiStack(scope, `${config.name}-api`, {
    env,
    description: `Budgetforce ${config.name}: OpenAI-compatible API`,
    config,
    endpoint: endpointStack?.endpoint,
    network: networkStack?.network,
    code,
  });
  // Names are plain strings, from which CDK derives no order of the stacks.
  if (endpointStack !== undefined) apiStack.addStackDependency(endpointStack);
  Tags.of(scope).add(COST_TAG, config.name);
  return { networkStack, weightsStack, endpointStack, trainingStack, apiStack };
}

function addNetworkStack(
  scope: Construct,
  { name, endpoint: { network }, models, api, retrieval, logRetentionDays }: HostedConfig,
  env: Environment,
) {
  if (network?.kind !== 'isolated') return undefined;
  return new NetworkStack(scope, `${name}-network`, {
    env,
    description: `Budgetforce ${name}: network of the endpoint`,
    cidr: network.cidr,
    zones: network.zones,
    ...(api.network?.kind === 'endpoint' && {
      functionEndpoints: {
        scaling: models.some(isScaledByFunction),
        retrieval: retrieval?.embeddings.kind,
      },
    }),
    logRetention: logRetentionDays satisfies RetentionDays,
  });
}

function addTrainingStack(
  scope: Construct,
  config: HostedConfig,
  env: Environment,
  endpointStack: EndpointStack,
  networkStack: NetworkStack | undefined,
) {
  const { name, training } = config;
  if (training === undefined) return undefined;
  const stack = new TrainingStack(scope, `${name}-training`, {
    env,
    description: `Budgetforce ${name}: fine-tuning of a hosted model`,
    config,
    training,
    endpoint: endpointStack.endpoint,
    network: networkStack?.network,
  });
  // Names are plain strings, as for the API.
  stack.addStackDependency(endpointStack);
  return stack;
}

/** Whether the function reads, or also changes, the copies of a model. */
function isScaledByFunction(model: ModelConfig): boolean {
  return copyRangeOf(model).min === 0 || model.scaling?.thinking !== undefined;
}
