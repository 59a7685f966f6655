import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { type ApiError, toApiError } from '../errors/api-error.ts';
import { logFailure } from '../errors/log.ts';
import type { GenerationContext, RunningGeneration } from '../generation/request.ts';
import { limitHeaders } from './limit-headers.ts';
import { eventStream } from './server-sent-events.ts';
import { slowJson } from './slow-json.ts';

/** The response of a dialect: whole or as frames, and the last frame of a stream that fails. */
export interface DialectResponse {
  readonly streamed: boolean;
  readonly whole: () => Promise<unknown>;
  readonly frames: () => AsyncGenerator<string>;
  readonly errorFrame: (error: ApiError) => string;
}

/**
 * Responds with a running generation. A failure before the first byte is thrown, so that the response has its status. A later failure
 * is logged and becomes the last event of the stream.
 */
export async function respond(
  run: RunningGeneration,
  response: DialectResponse,
  dependencies: AppDependencies,
  requestId: string,
): Promise<Response> {
  const options = { headers: limitHeaders(run), onCancel: run.cancel };
  if (!response.streamed) return await slowJson(response.whole(), options);
  const onFailure = (error: ApiError) => {
    logFailure(dependencies.log, requestId, error);
    return response.errorFrame(error);
  };
  return await eventStream(endingInErrors(response.frames(), onFailure), {
    ...options,
    keepAliveMs: dependencies.keepAliveMs,
  });
}

/** Passes frames on. An error after the first frame becomes the last frame. */
async function* endingInErrors(
  frames: AsyncGenerator<string>,
  frameOf: (error: ApiError) => string,
): AsyncGenerator<string> {
  let begun = false;
  try {
    for await (const frame of frames) {
      begun = true;
      yield frame;
    }
  } catch (error) {
    if (!begun) throw error;
    yield frameOf(toApiError(error));
  }
}

/** The id and the caller of a request, and the signal that aborts when the client disconnects. */
export function generationContext(context: Context<AppEnvironment>): GenerationContext {
  const line = context.env?.line;
  return {
    requestId: context.get('requestId'),
    caller: context.get('caller'),
    signal: context.req.raw.signal,
    ...(line === undefined ? {} : { batch: line.priority, work: 'batch' }),
  };
}
