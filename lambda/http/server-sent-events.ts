import type { GenerationEvent } from '../generation/generation.ts';
import { TIMED_OUT, within } from './slow-json.ts';

/** Options of a stream of server-sent events. */
export interface EventStreamOptions {
  /** Sends a comment line after this time without a frame, in milliseconds, so that no proxy closes the connection. 0 never does. */
  readonly keepAliveMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Called when the client disconnects. */
  readonly onCancel: () => void;
}

const KEEP_ALIVE = ': keep-alive\n\n';

/**
 * Responds with server-sent events. Waits for the first frame (at most `keepAliveMs`) before it responds, so that a request that fails
 * at once gets its status: it throws the error of the first frame. A later error breaks the stream off: convert it to a frame.
 *
 * Frames are pulled as the client reads them. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function eventStream(frames: AsyncGenerator<string>, options: EventStreamOptions): Promise<Response> {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<string>> | undefined;

  const nextFrame = async (): Promise<string | undefined> => {
    pending ??= frames.next();
    const result = await within(pending, options.keepAliveMs);
    if (result === TIMED_OUT) return KEEP_ALIVE;
    pending = undefined;
    return result.done === true ? undefined : result.value;
  };

  let first = await nextFrame();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const frame = first ?? (await nextFrame());
      first = undefined;
      if (frame === undefined) controller.close();
      else controller.enqueue(encoder.encode(frame));
    },
    async cancel() {
      options.onCancel();
      await pending?.catch(() => undefined);
      await frames.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...options.headers,
    },
  });
}

/** Formats one event. */
export function dataFrame(data: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** Reports the reason for a wait as a comment line, which clients skip. */
export function waitingFrame(event: Extract<GenerationEvent, { kind: 'waiting' }>): string {
  return `: ${event.because}: next try in ${Math.ceil(event.retryInMs / 1_000)} s\n\n`;
}
