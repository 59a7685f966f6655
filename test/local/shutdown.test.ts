import { afterEach, describe, expect, it } from 'vitest';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

let server: LocalServer | undefined;
afterEach(async () => {
  await server?.close().catch(() => undefined);
  server = undefined;
});

const TOKEN_MS = 40;
/** A server that takes 40 ms a token. */
async function slowServer(): Promise<LocalServer> {
  server = await startLocal({ port: 0, host: '127.0.0.1' });
  server.endpoint?.faults.always({ tokenDelayMs: TOKEN_MS });
  return server;
}

const bodyOf = (fields: Record<string, unknown>) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    model: 'budgetforce-tiny',
    messages: [{ role: 'user', content: 'Ann has 34 apples. She buys 27 more and gives 12 away. How many has she?' }],
    ...fields,
  }),
});
const longThought = { thinking: { min_tokens: 400, max_tokens: 600 } };

/** Starts a stream and waits for its first text. `rest` reads all of it. */
async function begunStream(url: string, fields: Record<string, unknown>) {
  const response = await fetch(`${url}/v1/chat/completions`, bodyOf({ stream: true, ...fields }));
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (wanted: string | undefined) => {
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) return text;
      text += part.value;
      if (wanted !== undefined && text.includes(wanted)) return text;
    }
  };
  await readUntil('reasoning');
  return { rest: async () => await readUntil(undefined) };
}

describe('A server that is stopped', { timeout: 120_000 }, () => {
  it('cuts a thought, so that its answer comes within the grace time', async () => {
    const { url, close } = await slowServer();
    const stream = await begunStream(url, longThought);
    const closing = close({ graceMs: 30_000 });
    const text = await stream.rest();
    await closing;
    expect(text).toContain('"end_reason":"shutdown"');
    expect(text).toContain('"finish_reason":"stop"');
    expect(text.trimEnd().endsWith('data: [DONE]')).toBe(true);
  });

  it('ends a stream that the grace time does not suffice for with an error event', async () => {
    const { url, close } = await slowServer();
    const stream = await begunStream(url, longThought);
    const closing = close({ graceMs: 1 });
    const text = await stream.rest();
    await closing;
    expect(text).toContain('server_stopping');
  });

  it('answers a request that is not streamed with 503 and Retry-After after the grace time', async () => {
    const { url, close, running } = await slowServer();
    const answer = fetch(`${url}/v1/chat/completions`, bodyOf(longThought));
    while (running() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await close({ graceMs: 1 });
    const response = await answer;
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('accepts no further request, and ends at once if none is running', async () => {
    const { url, close } = await slowServer();
    expect((await fetch(`${url}/v1/models`)).status).toBe(200);
    const start = performance.now();
    await close({ graceMs: 30_000 });
    expect(performance.now() - start).toBeLessThan(5_000);
    await expect(fetch(`${url}/v1/models`)).rejects.toThrow('fetch failed');
  });
});
