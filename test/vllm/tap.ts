import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';

/** One call of the server of the model, as it passed the tap. */
export interface TappedCall {
  readonly path: string;
  readonly body: string;
  status: number;
  /** The bytes of the response so far, as text. */
  response: string;
}

/** A proxy in front of vLLM that keeps what passes: the judge of what Budgetforce says about its calls. */
export interface Tap {
  readonly url: string;
  readonly calls: TappedCall[];
  close(): Promise<void>;
}

export async function startTap(target: string): Promise<Tap> {
  const calls: TappedCall[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(Buffer.from(part));
    const body = Buffer.concat(parts).toString('utf8');
    const call: TappedCall = { path: request.url ?? '/', body, status: 0, response: '' };
    if (request.method === 'POST') calls.push(call);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    try {
      const answer = await fetch(`${target}${call.path}`, {
        method: request.method ?? 'GET',
        headers: forwarded(request.headers),
        ...(request.method === 'POST' ? { body } : {}),
        signal: gone.signal,
      });
      call.status = answer.status;
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
      const utf8 = new TextDecoder();
      for await (const bytes of answer.body ?? []) {
        call.response += utf8.decode(bytes, { stream: true });
        response.write(bytes);
      }
      response.end();
    } catch {
      // The server or the client is gone: the other side notices it the same way.
      response.destroy();
    }
  });
  // Otherwise a client may reuse a connection at the moment that the tap closes it, as idle ones are after 5 seconds.
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The headers that the model's server reads: the type of the body, and those that SageMaker adds for a container. */
function forwarded(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => name === 'content-type' || name.startsWith('x-amzn-'));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

const bodySchema = z.looseObject({ prompt: z.array(z.int()), max_tokens: z.int(), min_tokens: z.int() });
const chunkSchema = z.looseObject({
  choices: z.array(z.looseObject({ text: z.string(), token_ids: z.array(z.int()).nullish() })).default([]),
  usage: z
    .looseObject({
      prompt_tokens: z.int(),
      completion_tokens: z.int(),
      prompt_tokens_details: z.looseObject({ cached_tokens: z.int().nullish() }).nullish(),
    })
    .nullish(),
});

/** What a tapped call of a text completion was: its prompt, the ids that came back, and the server's own account. */
export interface TappedSegment {
  readonly prompt: readonly number[];
  readonly ids: readonly number[];
  readonly usage: { readonly prompt: number; readonly cached: number; readonly completion: number } | undefined;
}

export function segmentOf(call: TappedCall): TappedSegment {
  // A call that was left may end inside a line.
  const chunks = [...call.response.matchAll(/^data: (\{.*\})\n/gm)].map(([, data = '']) =>
    chunkSchema.parse(JSON.parse(data)),
  );
  const usage = chunks.findLast((chunk) => chunk.usage != null)?.usage;
  return {
    prompt: bodySchema.parse(JSON.parse(call.body)).prompt,
    ids: chunks.flatMap(({ choices }) => choices[0]?.token_ids ?? []),
    usage:
      usage == null
        ? undefined
        : {
            prompt: usage.prompt_tokens,
            cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
            completion: usage.completion_tokens,
          },
  };
}
