import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { bytes, decode, IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';

/** What a probe does: says a text and ends, or hangs or breaks after a text, or is refused with this status. */
export type ProbeScript =
  | { readonly says: string; readonly outcome: 'end' | 'hang' | 'break' }
  | { readonly status: number };

export interface CompletionsServer {
  readonly baseUrl: string;
  /** Number of prompt tokens of each probe, beyond the first call's prompt. */
  readonly probedAt: number[];
  /** Tokens that were sent, by the part of the output. */
  readonly sent: { thinking: number; probe: number; answer: number };
  /** Calls that the client closed before their end. */
  readonly closed: ('thinking' | 'probe' | 'answer')[];
  close(): Promise<void>;
}

const bodySchema = z.looseObject({
  prompt: z.array(z.int()),
  max_tokens: z.int(),
  min_tokens: z.int(),
  temperature: z.number().optional(),
  logprobs: z.int().optional(),
});

/**
 * A server of text completions with vLLM's fields over HTTP, whose model thinks one text and gives one answer: a call continues the
 * text where its prompt ends. A call at temperature 0 is a probe; further ones repeat the last script.
 */
export async function startCompletionsServer(
  thought: string,
  probes: readonly ProbeScript[],
): Promise<CompletionsServer> {
  const script = [...probes];
  const state: Omit<CompletionsServer, 'baseUrl' | 'close'> = {
    probedAt: [],
    sent: { thinking: 0, probe: 0, answer: 0 },
    closed: [],
  };
  let promptTokens: number | undefined;

  async function complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, max_tokens, min_tokens, temperature, logprobs } = bodySchema.parse(await json(request));
    promptTokens ??= prompt.length;
    const opened = decode(prompt.slice(prompt.lastIndexOf(IM_START) + 1));
    const part = temperature === 0 ? 'probe' : opened.startsWith('answer') ? 'answer' : 'thinking';
    let ids =
      part === 'answer'
        ? [...bytes('\n42'), IM_END]
        : [...bytes(thought), IM_START].slice(prompt.length - promptTokens);
    let outcome: 'end' | 'hang' | 'break' = 'end';
    if (part === 'probe') {
      state.probedAt.push(prompt.length - promptTokens);
      const probe = (script.length > 1 ? script.shift() : script[0]) ?? { says: '4', outcome: 'end' };
      if ('status' in probe) {
        response.writeHead(probe.status).end('{"error":"no"}');
        return;
      }
      ({ outcome } = probe);
      ids = [...bytes(probe.says), ...(outcome === 'end' ? [IM_END] : [])];
    }
    response.on('close', () => {
      if (!response.writableEnded && outcome !== 'break') state.closed.push(part);
    });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [index, id] of ids.slice(0, max_tokens).entries()) {
      if (response.closed) return;
      const stops = id === IM_START || id === IM_END;
      const token = stops && index < min_tokens ? 98 : id;
      const last = (stops && index >= min_tokens) || index + 1 === max_tokens;
      state.sent[part]++;
      const finish = !last ? null : stops ? 'stop' : 'length';
      const choice = {
        text: '',
        token_ids: [token],
        finish_reason: finish,
        ...(finish === 'stop' && { stop_reason: token }),
      };
      const measured = { tokens: ['x'], token_logprobs: [-0.7], top_logprobs: [{ x: -0.7 }] };
      response.write(
        `data: ${JSON.stringify({ choices: [{ ...choice, ...(logprobs !== undefined && { logprobs: measured }) }] })}\n\n`,
      );
      if (last) break;
      // One token in each packet, as a model that decodes.
      await new Promise(setImmediate);
    }
    if (outcome === 'hang') return;
    if (outcome === 'break') response.destroy();
    else response.end('data: [DONE]\n\n');
  }

  const server = createServer((request, response) => void complete(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...state,
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
