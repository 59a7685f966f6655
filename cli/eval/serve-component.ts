import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createApp } from '../../lambda/app.ts';
import { compose } from '../../lambda/compose.ts';
import { settingsSchema } from '../../lambda/settings/settings.ts';
import { thinkingDefaults } from '../../lib/api/thinking-defaults.ts';
import type { EvaluationSettings } from '../../lib/training/evaluation-settings.ts';

/** Its lines would go to the standard output, on which the job gives back its verdict. */
const noLog = () => {};
/** Longest request, in milliseconds: Lambda's limit, under which the model answers in service, too. */
const REQUEST_MS = 900_000;

/**
 * Serves one component of a SageMaker endpoint on this machine, by the same app as the API's function.
 *
 * @param tokenizer path of the model's tokenizer.json
 */
export async function serveComponent(
  { endpointName, model }: Pick<EvaluationSettings, 'endpointName' | 'model'>,
  inferenceComponentName: string,
  tokenizer: string,
): Promise<{ readonly baseUrl: string; readonly close: () => void }> {
  const thinking = thinkingDefaults(model.contextTokens);
  const settings = settingsSchema.parse({
    models: [
      {
        ...model,
        upstream: { kind: 'sagemaker', endpointName, inferenceComponentName, servedModelName: model.id },
        tokenizer: { kind: 'file', path: tokenizer },
        defaultMaxThinkingTokens: thinking.defaultMaxTokens,
        maxThinkingTokens: thinking.maxTokens,
        defaultMaxAnswerTokens: thinking.defaultMaxAnswerTokens,
        efforts: thinking.efforts,
      },
    ],
    requestTimeoutMs: REQUEST_MS,
    // The component in service may be at zero copies: its first request starts one.
    capacityWaitMs: REQUEST_MS - 60_000,
    keepAliveMs: 15_000,
  });
  const server = createAdaptorServer({ fetch: createApp(await compose(settings, noLog)).fetch });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // The address of a server that listens on a TCP port is an AddressInfo.
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, close: () => void server.close() };
}
