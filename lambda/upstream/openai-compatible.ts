import * as z from 'zod';
import { defineUpstream } from './upstream.ts';

/** A server of OpenAI-compatible text completions with vLLM's fields, on EKS, EC2 or anywhere else. */
export const openAiCompatible = defineUpstream({
  settings: z.strictObject({
    kind: z.literal('openai-compatible'),
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .describe('URL of the server, which ends in `/v1`. `/completions` is appended.'),
    servedModelName: z.string().min(1).describe('Name of the model at the server (vLLM’s `--served-model-name`).'),
    apiKeySecretArn: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Secrets Manager secret with the server’s bearer key: the key, or JSON with `apiKey`. If omitted, no key is sent.',
      ),
  }),
  nameOf: ({ baseUrl }) => new URL(baseUrl).host,
  async connect(context) {
    const { CompletionsModel, httpRoute } = await import('./completions-model.ts');
    return ({ baseUrl, servedModelName, apiKeySecretArn }, modelId) => {
      const key = apiKeySecretArn === undefined ? context.localKey(modelId) : context.secretKey(apiKeySecretArn);
      const target = { baseUrl, servedModelName, key };
      return { segments: new CompletionsModel(target), tokenize: httpRoute(target) };
    };
  },
});
