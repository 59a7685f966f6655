import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FrameStream } from '../../../lambda/http/frame-stream.ts';
import { eventStream } from '../../../lambda/http/server-sent-events.ts';

const options = { keepAliveMs: 0, headers: {}, onCancel: () => {} };

async function* framesOf(...frames: readonly string[]): AsyncGenerator<string> {
  yield* frames;
}

/** A stream that keeps what each write of the kernel would have. */
class Writes extends Writable {
  readonly writes: string[] = [];
  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk.toString()).join(''));
    done();
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString());
    done();
  }
}

const streamOf = async (frames: AsyncGenerator<string>, changes: Partial<typeof options> = {}) => {
  const found = FrameStream.of(await eventStream(frames, { ...options, ...changes }));
  if (found === undefined) throw new Error('The response has no frames.');
  return found;
};

describe('FrameStream', () => {
  it('is read by the body, or written by the server, but not both', async () => {
    const response = await eventStream(framesOf('a', 'b'), options);
    expect(FrameStream.of(response)).toBeDefined();
    const reader = response.body?.getReader();
    await reader?.read();
    expect(FrameStream.of(response)).toBeUndefined();
    expect(FrameStream.of(new Response('text'))).toBeUndefined();
    expect(FrameStream.of(new Response(null))).toBeUndefined();
  });

  it('writes frames that come together at once, and the next one as soon as it comes', async () => {
    let go = () => {};
    const later = new Promise<void>((resolve) => {
      go = resolve;
    });
    async function* frames() {
      yield* ['a', 'b', 'c'];
      await later;
      yield 'd';
    }
    const out = new Writes();
    const written = (await streamOf(frames())).writeTo(out);
    await sleep(20);
    expect(out.writes).toEqual(['abc']);
    go();
    await written;
    expect(out.writes).toEqual(['abc', 'd']);
  });

  it('sends all frames before the end of a chunked HTTP response', async () => {
    const texts = Array.from({ length: 50 }, (_, at) => `data: ${at}\n\n`);
    const server = createServer(async (_request, response) => {
      await (await streamOf(framesOf(...texts))).writeTo(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await answer.text()).toBe(texts.join(''));
  });

  it('cancels the frames if the client leaves, also while none comes', async () => {
    let cancelled = 0;
    let returned = false;
    const aborted = Promise.withResolvers<never>();
    async function* frames() {
      try {
        yield 'a';
        await aborted.promise;
      } finally {
        returned = true;
      }
    }
    const onCancel = () => {
      cancelled++;
      aborted.reject(new Error('aborted'));
    };
    const out = new PassThrough();
    const written = (await streamOf(frames(), { onCancel })).writeTo(out).catch((error: unknown) => error);
    await sleep(10);
    out.destroy();
    await written;
    expect([cancelled, returned]).toEqual([1, true]);
  });

  it('waits for a slow client, and holds no more than it', async () => {
    let made = 0;
    async function* frames() {
      for (; made < 100; made++) yield 'x'.repeat(1_000);
    }
    const out = new PassThrough({ highWaterMark: 2_000 });
    const written = (await streamOf(frames())).writeTo(out);
    await sleep(20);
    expect(made).toBeLessThan(10);
    let read = 0;
    for await (const chunk of out) read += (chunk as Buffer).length;
    await written;
    expect(read).toBe(100_000);
  });

  it('sends comment lines while no frame comes', async () => {
    async function* frames() {
      yield 'a';
      await sleep(75);
      yield 'b';
    }
    const out = new Writes();
    await (await streamOf(frames(), { keepAliveMs: 20 })).writeTo(out);
    expect(out.writes.join('')).toMatch(/^a(: keep-alive\n\n){2,4}b$/);
  });

  it('breaks the stream off with an error of the frames, after what came before', async () => {
    async function* frames() {
      yield 'a';
      await sleep(5);
      throw new Error('the model broke');
    }
    const out = new Writes();
    await expect((await streamOf(frames())).writeTo(out)).rejects.toThrow('the model broke');
    expect([out.destroyed, out.writes]).toEqual([true, ['a']]);
  });
});
