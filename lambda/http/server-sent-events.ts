import type { GenerationEvent } from '../generation/generation.ts';
import { FrameStream, type FrameStreamOptions } from './frame-stream.ts';

/** Options of a stream of server-sent events. */
export interface EventStreamOptions extends FrameStreamOptions {
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Responds with server-sent events. Waits for the first frame (at most `keepAliveMs`) before it responds, so that a request that fails
 * at once gets its status: it throws the error of the first frame. A later error breaks the stream off: convert it to a frame.
 *
 * Frames are pulled as the client reads them. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function eventStream(frames: AsyncGenerator<string>, options: EventStreamOptions): Promise<Response> {
  const stream = new FrameStream(frames, options);
  await stream.begin();
  return new Response(stream.body(), {
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
