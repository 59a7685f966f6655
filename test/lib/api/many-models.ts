import type { ConfigInput } from '../../../lib/config.ts';
import { aConfig, aModel } from '../synthesize.ts';

/** 20 models, each with an adapter, a long system prompt and budgets of its own. */
export const manyModels: ConfigInput = aConfig({
  endpoint: { instanceType: 'ml.p5.48xlarge', instances: { initial: 5, min: 5, max: 5 } },
  models: Array.from({ length: 20 }, (_, index) =>
    aModel({
      id: `reasoning-model-${index}-of-a-team-with-a-long-name`,
      vllm: { tensorParallel: 2 },
      copies: { initial: 1, min: 1, max: 1 },
      systemPrompt: `You are assistant ${index}. ${'Think step by step, check every step, and answer in one sentence. '.repeat(5)}`,
      defaultTemperature: 0.6,
      thinking: {
        defaultMaxTokens: 4_000 + index,
        maxTokens: 24_000,
        defaultMaxAnswerTokens: 1_000,
        efforts: { minimal: 256, low: 1_024, medium: 4_096, high: 16_001, xhigh: 24_000 },
      },
      adapters: [{ id: `adapter-${index}-of-a-team-with-a-long-name`, uri: 's3://weights/a/adapter.tar.gz' }],
    }),
  ),
});
