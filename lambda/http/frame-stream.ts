import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { TIMED_OUT, within } from './slow-json.ts';

const KEEP_ALIVE = ': keep-alive\n\n';

export interface FrameStreamOptions {
  /** Time without a frame after which a comment line is sent, in milliseconds. 0 never sends one. */
  readonly keepAliveMs: number;
  /** Called when the client disconnects. */
  readonly onCancel: () => void;
}

/** By the body of their response. */
const streams = new WeakMap<ReadableStream, FrameStream>();

/**
 * Frames of a stream of server-sent events. They are read by the response's body, or written by the server itself ({@link writeTo}), which
 * costs a third: no web stream, no promises and no timer of its own for each frame.
 */
export class FrameStream {
  readonly #frames: AsyncGenerator<string>;
  readonly #options: FrameStreamOptions;
  #pending: Promise<IteratorResult<string>> | undefined;
  #first: string | undefined;

  constructor(frames: AsyncGenerator<string>, options: FrameStreamOptions) {
    this.#frames = frames;
    this.#options = options;
  }

  /** The frames of a response, if it has any that its body has not begun to read. */
  static of({ body }: Response): FrameStream | undefined {
    return body === null ? undefined : streams.get(body);
  }

  /** Waits for the first frame, for at most `keepAliveMs`. @throws the error of the first frame */
  async begin(): Promise<void> {
    this.#first = await this.#next();
  }

  /** The frames as the body of a response. */
  body(): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          streams.delete(body);
          const frame = this.#first ?? (await this.#next());
          this.#first = undefined;
          if (frame === undefined) controller.close();
          else controller.enqueue(encoder.encode(frame));
        },
        cancel: async () => await this.#cancel(),
      },
      // Nothing is read before somebody asks, so that the server can still take the frames.
      { highWaterMark: 0 },
    );
    streams.set(body, this);
    return body;
  }

  /**
   * Writes the frames as they come, and ends the stream. Frames that come together are written together; none waits for another. A stream
   * that is closed cancels the frames. Resolves when all is written, or the stream is closed.
   *
   * @throws what the frames throw, after it has broken the stream off
   */
  async writeTo(out: Writable): Promise<void> {
    const closed = new AbortController();
    const onClose = () => {
      closed.abort();
      void this.#cancel();
    };
    out.once('close', onClose);
    const keepAlive = keepAliveOf(out, this.#options.keepAliveMs);
    try {
      for (let frame = this.#first; !closed.signal.aborted; frame = undefined) {
        frame ??= await this.#read();
        if (frame === undefined) break;
        keepAlive.wrote();
        if (!write(out, frame)) await drained(out, closed.signal);
      }
      this.#first = undefined;
    } catch (error) {
      out.destroy();
      throw error;
    } finally {
      keepAlive.stop();
      out.off('close', onClose);
    }
    if (closed.signal.aborted) return;
    const ended = once(out, 'close');
    // Node sends the end of a corked response before what is corked.
    uncork(out);
    out.end();
    await ended.catch(() => undefined);
  }

  async #read(): Promise<string | undefined> {
    this.#pending ??= this.#frames.next();
    const result = await this.#pending;
    this.#pending = undefined;
    return result.done === true ? undefined : result.value;
  }

  /** The next frame, or a comment line if none comes in time. */
  async #next(): Promise<string | undefined> {
    const { keepAliveMs } = this.#options;
    this.#pending ??= this.#frames.next();
    const result = await within(this.#pending, keepAliveMs);
    if (result === TIMED_OUT) return KEEP_ALIVE;
    this.#pending = undefined;
    return result.done === true ? undefined : result.value;
  }

  async #cancel(): Promise<void> {
    this.#options.onCancel();
    await this.#pending?.catch(() => undefined);
    await this.#frames.return(undefined);
  }
}

/** Writes a frame together with all others that come before the next turn of the event loop. @returns whether there is room for more */
function write(out: Writable, frame: string): boolean {
  if (out.writableCorked === 0) {
    out.cork();
    setImmediate(uncork, out);
  }
  return out.write(frame);
}

function uncork(out: Writable): void {
  if (out.writableCorked > 0) out.uncork();
}

async function drained(out: Writable, closed: AbortSignal): Promise<void> {
  if (closed.aborted) return;
  await once(out, 'drain', { signal: closed }).catch((error: unknown) => {
    if (!closed.aborted) throw error;
  });
}

/** Writes a comment line whenever `keepAliveMs` have passed without a frame. */
function keepAliveOf(out: Writable, keepAliveMs: number): { readonly wrote: () => void; readonly stop: () => void } {
  if (keepAliveMs === 0) return { wrote: () => {}, stop: () => {} };
  let last = performance.now();
  let timer: NodeJS.Timeout;
  const arm = () => {
    timer = setTimeout(check, Math.max(1, last + keepAliveMs - performance.now()));
  };
  const check = () => {
    if (performance.now() >= last + keepAliveMs) {
      last = performance.now();
      write(out, KEEP_ALIVE);
    }
    arm();
  };
  arm();
  return {
    wrote: () => {
      last = performance.now();
    },
    stop: () => clearTimeout(timer),
  };
}
