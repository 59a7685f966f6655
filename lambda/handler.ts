import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createApp } from './app.ts';
import { sourceOf, toRequest } from './aws/rest-event.ts';
import { type LambdaContext, type LambdaStreaming, streamResponse } from './aws/stream-response.ts';
import { isTickEvent } from './aws/tick-event.ts';
import { tickLoads } from './aws/tick-loads.ts';
import { compose } from './compose.ts';
import { toApiError } from './errors/api-error.ts';
import { loggableError } from './errors/loggable-error.ts';
import { readSettings, SETTINGS_FILE } from './settings/read-settings.ts';

declare const awslambda: LambdaStreaming;

const besideCode = fileURLToPath(new URL(SETTINGS_FILE, import.meta.url));
const dependencies = await compose(readSettings(process.env, besideCode));
const app = createApp(dependencies);

/** Entry point of the function: streams the response to an event of API Gateway, or updates scaling on the scheduled event. */
export const handler = awslambda.streamifyResponse(
  async (event: unknown, stream: Writable, context: LambdaContext): Promise<void> => {
    if (isTickEvent(event)) {
      await tickLoads(dependencies);
      stream.end();
      return;
    }
    const timeout = AbortSignal.timeout(Math.max(1, context.getRemainingTimeInMillis() - FINAL_EVENT_MS));
    let response: Response;
    try {
      response = await app.fetch(toRequest(event, timeout), { source: sourceOf(event) });
    } catch (error) {
      const apiError = toApiError(error);
      dependencies.log('error', 'event not recognized', {
        ...loggableError(error),
        aws_request_id: context.awsRequestId,
      });
      response = Response.json(apiError.body, { status: apiError.status });
    }
    await streamResponse(response, stream, awslambda);
  },
);

/** Time reserved before the function's timeout for the last event of a stream, in milliseconds. */
const FINAL_EVENT_MS = 1_000;
