import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { type Config, externalModels, hostedPart } from '../config.ts';
import { existingNetworkOf, type Network } from '../endpoint/network.ts';
import type { ReasoningEndpoint } from '../endpoint/reasoning-endpoint.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { defaultPrices } from '../facts/prices.ts';
import { Monitoring } from '../monitoring/monitoring.ts';
import type { ApiModel } from './api-settings.ts';
import { externalModelMetric } from './external-model.ts';
import { ReasoningApi } from './reasoning-api.ts';

export interface ApiStackProps extends StackProps {
  readonly config: Config;
  /**
   * Endpoint of the models with a `source`.
   *
   * @default - none: every model of the config has an `upstream`
   */
  readonly endpoint?: ReasoningEndpoint | undefined;
  /**
   * Network of the endpoint, if it is of a stack of its own.
   *
   * @default - the existing network of the config, if it names one
   */
  readonly network?: Network | undefined;
  /**
   * Code of the function.
   *
   * @default - this package's function
   */
  readonly code?: Code | undefined;
}

/** Stack of the API that clients call, which deploys quickly. */
export class ApiStack extends Stack {
  readonly api: ReasoningApi;
  /** Output with the `base_url` of OpenAI clients, for instance for a step of a pipeline (`envFromCfnOutputs`). */
  readonly baseUrlOutput: CfnOutput;

  constructor(scope: Construct, id: string, { config, endpoint, network, code, ...props }: ApiStackProps) {
    super(scope, id, props);
    this.api = new ReasoningApi(this, 'Api', {
      ...config.api,
      endpoint,
      network: this.#functionNetwork(config, network),
      apiName: config.name,
      retention: config.retention,
      background: config.background,
      retrieval: config.retrieval,
      batches: config.batches,
      alarmTopicArn: config.watching.alarmTopicArn,
      runbookUrl: config.watching.runbookUrl,
      aliases: config.aliases,
      routes: config.routes,
      models: apiModels(config, endpoint),
      logRetention: config.logRetentionDays satisfies RetentionDays,
      code,
    });
    this.#addMonitoring(config, endpoint);
    this.baseUrlOutput = new CfnOutput(this, 'BaseUrl', {
      description: 'base_url of OpenAI clients',
      value: this.api.baseUrl,
    });
    this.#addOutputs(config.models[0]?.id ?? '');
  }

  #functionNetwork({ api, endpoint }: Config, network: Network | undefined): Network | undefined {
    if (api.network?.kind !== 'endpoint') return existingNetworkOf(this, api.network);
    return network ?? existingNetworkOf(this, endpoint?.network);
  }

  #addMonitoring(config: Config, endpoint: ReasoningEndpoint | undefined): void {
    const { watching } = config;
    const hosted = hostedPart(config);
    const gpus = new Map(hosted?.models.map(({ id, vllm }) => [id, vllm.tensorParallel]));
    const instanceType = hosted?.endpoint.instanceType ?? '';
    new Monitoring(this, 'Watching', {
      ...watching,
      budget: watching.budget && { ...watching.budget, tag: config.name },
      feedback: config.retention.feedbackDays > 0,
      restApi: this.api.restApi,
      handler: this.api.handler,
      models: (endpoint?.models ?? []).map((model) => ({ model, gpusPerCopy: gpus.get(model.id) ?? 1 })),
      externalModels: externalModels(config).map((model) => ({
        id: model.id,
        metric: (name) => externalModelMetric(model, name),
      })),
      gpusPerInstance: findInstanceType(instanceType)?.gpus ?? 1,
      dollarsPerInstanceHour: watching.dollarsPerInstanceHour ?? defaultPrices.instances[instanceType],
    });
  }

  /** Adds outputs that say how to call the API. */
  #addOutputs(model: string): void {
    const { apiKey, baseUrl } = this.api;
    const readKey =
      apiKey === undefined
        ? undefined
        : `aws secretsmanager get-secret-value --region ${this.region} --secret-id ${apiKey.secretArn} --query SecretString --output text`;
    if (this.api.domainTarget !== undefined) {
      const description = 'What the DNS record of the domain is an alias of';
      new CfnOutput(this, 'DomainTarget', { description, value: this.api.domainTarget });
    }
    if (readKey !== undefined) {
      new CfnOutput(this, 'ReadApiKey', { description: 'Prints the bearer key', value: readKey });
    }
    new CfnOutput(this, 'TryIt', {
      description: 'A question with an exact budget of thinking',
      value: [
        `curl -N ${baseUrl}/chat/completions -H 'Content-Type: application/json'`,
        ...(readKey === undefined ? [] : [`-H "Authorization: Bearer $(${readKey})"`]),
        `-d '${JSON.stringify({
          model,
          stream: true,
          thinking: { min_tokens: 256, max_tokens: 1_024 },
          messages: [{ role: 'user', content: 'How many r are in strawberry?' }],
        })}'`,
      ].join(' '),
    });
  }
}

/** Returns the models of a config in their order, each followed by its adapters. */
function apiModels({ models }: Config, endpoint: ReasoningEndpoint | undefined): readonly ApiModel[] {
  const offered = new Map(endpoint?.offered.map((model) => [model.id, model]));
  return models.flatMap((entry) => {
    const { format, tokenizer, thinking, systemPrompt, defaultTemperature, dollarsPerMillionTokens } = entry;
    const { fallbacks, hedgeAfterMs, upstreamIdleSeconds } = entry;
    const served =
      'upstream' in entry
        ? [{ id: entry.id, upstream: entry.upstream, contextTokens: entry.contextTokens }]
        : [entry, ...entry.adapters].flatMap(({ id }) => offered.get(id) ?? []);
    return served.map((model) => ({
      model,
      format,
      tokenizer,
      thinking,
      systemPrompt,
      defaultTemperature,
      dollarsPerMillionTokens,
      upstreamIdleSeconds,
      // Another server has the base model, not its adapters.
      ...(model.id === entry.id && { fallbacks, hedgeAfterMs }),
    }));
  });
}
