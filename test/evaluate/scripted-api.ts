import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that a scripted API received. */
interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: a body of any dialect
  readonly body: any;
}

/** A server on a free port that answers each POST by a script, and lists models if they are given. */
export async function scriptedApi(
  answer: (request: Received, response: ServerResponse, count: number) => void,
  models?: unknown,
) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += String(part);
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(models ?? { data: [] }));
      return;
    }
    const entry = { path: request.url ?? '', headers: request.headers, body: JSON.parse(body) };
    received.push(entry);
    answer(entry, response, received.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    received,
    close: () => server.close(),
  };
}

/** A model list with the limits of a Budgetforce API. */
export const publishedModels = {
  data: [{ id: 'm', context_window: 8_192, budget_forcing: { max_tokens: 4_096, max_waits: 64 } }],
};

/** Streams the answer of a Budgetforce API that thinks `min(number * 10, maximum)` tokens about the number in the question. */
export function budgetforceAnswer({ body }: Received, response: ServerResponse): void {
  const number = Number(/\d+/.exec(body.messages[0].content)?.[0]);
  const tokens = Math.min(number * 10, body.thinking.max_tokens ?? 1_000) + 5 * (body.thinking.waits ?? 0);
  const text = tokens >= number * 10 ? `The answer is ${number}.` : 'Final Answer: 99';
  const event = (data: unknown) => response.write(`data: ${JSON.stringify(data)}\n\n`);
  event({ choices: [{ delta: { reasoning_content: `I think of "${number}",\nand more.` } }] });
  event({ choices: [{ delta: { content: text }, finish_reason: 'stop' }] });
  event({
    choices: [],
    usage: { prompt_tokens: 11, completion_tokens: tokens + 3 },
    budget_forcing: {
      thinking_tokens: tokens,
      answer_tokens: 3,
      forced_tokens: 1,
      waits: body.thinking.waits ?? 0,
      end_reason: 'model',
      limits: { max_tokens: body.thinking.max_tokens ?? 1_000 },
    },
  });
  response.end('data: [DONE]\n\n');
}
