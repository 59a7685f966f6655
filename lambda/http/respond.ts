import type { Context } from 'hono';
import type { AppDependencies, AppEnvironment } from '../context.ts';
import { type ApiError, toApiError } from '../errors/api-error.ts';
import { logFailure } from '../errors/log.ts';
import type { GenerationContext, RunningGeneration } from '../generation/request.ts';
import { limitHeaders } from './limit-headers.ts';
import { eventStream } from './server-sent-events.ts';
import { slowJson } from './slow-json.ts';

/** How a dialect answers: whole, as frames, and what it says when a stream fails half-way. */
export interface Answering {
  readonly streamed: boolean;
  readonly whole: () => Promise<unknown>;
  readonly frames: () => AsyncGenerator<string>;
  readonly errorFrame: (error: ApiError) => string;
}

/**
 * The response of a run. What fails before the first byte is thrown, and gets its status; later it is logged and becomes the stream's last
 * event.
 */
export async function respond(
  run: RunningGeneration,
  answering: Answering,
  dependencies: AppDependencies,
  requestId: string,
): Promise<Response> {
  const options = { headers: limitHeaders(run), onCancel: run.cancel };
  if (!answering.streamed) return await slowJson(answering.whole(), options);
  const onFailure = (error: ApiError) => {
    logFailure(dependencies.log, requestId, error);
    return answering.errorFrame(error);
  };
  return await eventStream(endingInErrors(answering.frames(), onFailure), {
    ...options,
    keepAliveMs: dependencies.keepAliveMs,
  });
}

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

/** Who asks, and how to know that they left. */
export function generationContext(context: Context<AppEnvironment>): GenerationContext {
  return { requestId: context.get('requestId'), caller: context.get('caller'), signal: context.req.raw.signal };
}
