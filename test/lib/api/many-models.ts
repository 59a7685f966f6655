import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, aModel, anExternalModel } from '../synthesize.ts';

/** Fields of a model with a long system prompt and budgets of its own. */
const requestFields = (index: number) => ({
  systemPrompt: `You are assistant ${index}. ${'Think step by step, check every step, and answer in one sentence. '.repeat(5)}`,
  defaultTemperature: 0.6,
  thinking: {
    defaultMaxTokens: 4_000 + index,
    maxTokens: 24_000,
    defaultMaxAnswerTokens: 1_000,
    efforts: { minimal: 256, low: 1_024, medium: 4_096, high: 16_001, xhigh: 24_000 },
  },
});

/** 20 models: five on the endpoint, each with an adapter, and 15 on other servers. */
export const manyModels: ConfigInput = aConfig({
  endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 2, min: 2, max: 2 } },
  models: Array.from({ length: 20 }, (_, index) =>
    index < 5
      ? aModel({
          id: `hosted-model-${index}-of-a-team-with-a-long-name`,
          copies: { initial: 1, min: 1, max: 1 },
          adapters: [{ id: `adapter-${index}-of-a-team-with-a-long-name`, uri: 's3://weights/a/adapter.tar.gz' }],
          ...requestFields(index),
        })
      : anExternalModel(
          {
            baseUrl: `https://model-${index}.inference.example.com/v1`,
            apiKeySecretArn: `arn:aws:secretsmanager:us-east-1:111122223333:secret:model-${index}-AbCdEf`,
          },
          { id: `external-model-${index}-of-a-team-with-a-long-name`, ...requestFields(index) },
        ),
  ),
});
