/**
 * A model server that streams tokens at an exact rate, as vLLM does: `/v1/completions` with token ids, `/v1/chat/completions` with deltas.
 * `node fake-server.ts RATE TOKEN`: tokens per second of each stream, and the id of the token for the letter a. Prints its port.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const rate = Number(process.argv[2] ?? '100');
/** A letter, which is one token in any vocabulary. */
const TEXT = 'a';
const TOKEN = Number(process.argv[3] ?? '97');

interface Asked {
  readonly model?: string;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly prompt?: readonly number[];
  readonly return_token_ids?: boolean;
}

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // SageMaker's contract has one route for all, and the body says which it is.
  const url = request.url === '/invocations' ? '/v1/completions' : request.url;
  if (url === '/v1/completions' || url === '/v1/chat/completions') {
    stream(JSON.parse(Buffer.concat(chunks).toString()), url === '/v1/chat/completions', request, response);
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ object: 'list', data: [{ id: 'fake', object: 'model', max_model_len: 131_072 }] }));
});

function stream(body: Asked, chat: boolean, request: IncomingMessage, response: ServerResponse): void {
  const total = body.max_completion_tokens ?? body.max_tokens ?? 16;
  const prompt = body.prompt?.length ?? 10;
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.socket?.setNoDelay(true);
  const began = performance.now();
  let sent = 0;
  const send = () => {
    const due = Math.min(total, 1 + Math.floor(((performance.now() - began) * rate) / 1_000));
    // A stream that is late sends what it owes token by token, as an engine does.
    for (; sent < due; sent++) response.write(`data: ${JSON.stringify(chunk(body, chat, prompt, sent, total))}\n\n`);
    if (sent < total) {
      timer = setTimeout(send, Math.max(1, began + (sent * 1_000) / rate - performance.now()));
      return;
    }
    response.end('data: [DONE]\n\n');
  };
  let timer = setTimeout(send, 0);
  request.on('close', () => clearTimeout(timer));
  response.on('close', () => clearTimeout(timer));
}

function chunk({ model, return_token_ids: ids }: Asked, chat: boolean, prompt: number, at: number, total: number) {
  const finish = at + 1 === total ? 'length' : null;
  const usage = { prompt_tokens: prompt, total_tokens: prompt + at + 1, completion_tokens: at + 1 };
  const common = { id: 'cmpl-1', created: 1, model: model ?? 'fake' };
  if (chat) {
    const delta = at === 0 ? { role: 'assistant', content: TEXT } : { content: TEXT };
    return {
      ...common,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    };
  }
  const choice = { index: 0, text: TEXT, logprobs: null, finish_reason: finish, stop_reason: null };
  return {
    ...common,
    object: 'text_completion',
    choices: [ids === true ? { ...choice, token_ids: [TOKEN] } : choice],
    usage,
  };
}

server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
