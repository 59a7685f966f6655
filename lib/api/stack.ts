import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { Config } from '../config.ts';
import type { ReasoningEndpoint } from '../endpoint/reasoning-endpoint.ts';
import { findInstanceType } from '../facts/instance-types.ts';
import { defaultPrices } from '../facts/prices.ts';
import { Monitoring } from '../monitoring/monitoring.ts';
import { ReasoningApi } from './reasoning-api.ts';

export interface ApiStackProps extends StackProps {
  readonly config: Config;
  readonly endpoint: ReasoningEndpoint;
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

  constructor(scope: Construct, id: string, { config, endpoint, code, ...props }: ApiStackProps) {
    super(scope, id, props);
    const modelById = new Map(
      config.models.flatMap(
        (model) => [[model.id, model], ...model.adapters.map(({ id }) => [id, model] as const)] as const,
      ),
    );
    this.api = new ReasoningApi(this, 'Api', {
      ...config.api,
      endpoint,
      apiName: config.name,
      retention: config.retention,
      models: endpoint.offered.flatMap((model) => {
        const entry = modelById.get(model.id);
        if (entry === undefined) return [];
        const { format, tokenizer, thinking, systemPrompt, defaultTemperature } = entry;
        return [{ model, format, tokenizer, thinking, systemPrompt, defaultTemperature }];
      }),
      logRetention: config.logRetentionDays satisfies RetentionDays,
      code,
    });
    this.#addMonitoring(config, endpoint);
    this.#addOutputs(endpoint);
  }

  #addMonitoring({ watching, endpoint: { instanceType }, models }: Config, endpoint: ReasoningEndpoint): void {
    const gpus = new Map(models.map(({ id, vllm }) => [id, vllm.tensorParallel]));
    new Monitoring(this, 'Watching', {
      ...watching,
      restApi: this.api.restApi,
      handler: this.api.handler,
      models: endpoint.models.map((model) => ({ model, gpusPerCopy: gpus.get(model.id) ?? 1 })),
      gpusPerInstance: findInstanceType(instanceType)?.gpus ?? 1,
      dollarsPerInstanceHour: watching.dollarsPerInstanceHour ?? defaultPrices.instances[instanceType],
    });
  }

  /** Adds outputs that say how to call the API. */
  #addOutputs(endpoint: ReasoningEndpoint): void {
    const model = endpoint.models[0]?.id ?? '';
    const { apiKey, baseUrl } = this.api;
    const readKey =
      apiKey === undefined
        ? undefined
        : `aws secretsmanager get-secret-value --region ${this.region} --secret-id ${apiKey.secretArn} --query SecretString --output text`;
    if (this.api.domainTarget !== undefined) {
      const description = 'What the DNS record of the domain is an alias of';
      new CfnOutput(this, 'DomainTarget', { description, value: this.api.domainTarget });
    }
    new CfnOutput(this, 'BaseUrl', { description: 'base_url of OpenAI clients', value: baseUrl });
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
