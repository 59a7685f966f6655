import type { GenerationEvent } from '../generation/generation.ts';
import { SILENCE, within } from './slow-json.ts';

/** How a stream of server-sent events behaves. */
export interface EventStreamOptions {
  /** A comment line is sent after so long a silence, so that nothing on the way closes the connection. Milliseconds; 0: never. */
  readonly keepAliveMs: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The client went away. */
  readonly onCancel: () => void;
}

const KEEP_ALIVE = ': keep-alive\n\n';

/**
 * A response of server-sent events. It waits for the first frame (or `keepAliveMs`) before it answers, so that what fails at once
 * gets a proper status: then the iterator's error is thrown here. A later error ends the stream: turn it into a frame before.
 *
 * Frames are pulled as the client reads them. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function eventStream(frames: AsyncGenerator<string>, options: EventStreamOptions): Promise<Response> {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<string>> | undefined;

  const nextFrame = async (): Promise<string | undefined> => {
    pending ??= frames.next();
    const result = await within(pending, options.keepAliveMs);
    if (result === SILENCE) return KEEP_ALIVE;
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

/** One event. */
export function dataFrame(data: unknown, event?: string): string {
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** Says why nothing comes, in a line that every client skips. */
export function waitingFrame(event: Extract<GenerationEvent, { kind: 'waiting' }>): string {
  return `: ${event.because}: next try in ${Math.ceil(event.retryInMs / 1_000)} s\n\n`;
}
