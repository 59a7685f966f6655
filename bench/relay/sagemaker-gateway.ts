/**
 * The app of the function before a SageMaker endpoint, over AWS's SDK client and event stream, on a port of its own:
 * `node sagemaker-gateway.ts TOKENIZER`. The endpoint is that of AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME. Prints its port.
 */
import { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { createApp } from '../../lambda/app.ts';
import { compose } from '../../lambda/compose.ts';
import { settingsSchema } from '../../lambda/settings/settings.ts';
import { sendFrames } from '../../local/send-frames.ts';

const [tokenizer = ''] = process.argv.slice(2);
const dependencies = await compose(
  settingsSchema.parse({
    models: [
      {
        ...{ id: 'fake', format: 's1', contextTokens: 131_072 },
        upstream: {
          kind: 'sagemaker',
          endpointName: 'endpoint',
          inferenceComponentName: 'component',
          servedModelName: 'fake',
        },
        tokenizer: { kind: 'file', path: tokenizer },
        ...{ defaultMaxThinkingTokens: 1_000, maxThinkingTokens: 100_000, defaultMaxAnswerTokens: 1_000 },
        ...{ efforts: {}, systemPrompt: 'Be brief.' },
      },
    ],
    ...{ requestTimeoutMs: 600_000, capacityWaitMs: 0, keepAliveMs: 15_000 },
  }),
);
const app = createApp(dependencies);
const server = createAdaptorServer({
  fetch: async (request, { outgoing }) => {
    const response = await app.fetch(request);
    return outgoing instanceof ServerResponse ? sendFrames(response, outgoing, console.error) : response;
  },
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
