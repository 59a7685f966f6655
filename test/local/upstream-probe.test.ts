import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startLocal } from '../../local/start-local.ts';

/** Serves a completions server that answers each request with these events, and starts the API in front of it. */
async function startInFrontOf(events: readonly object[], status = 200) {
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') return response.end(JSON.stringify({ data: [{ id: 'm' }] }));
    if (request.url === '/tokenize') return response.end(JSON.stringify({ tokens: [9_707] }));
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    if (status !== 200) return response.end(JSON.stringify(events[0]));
    return response.end(
      [...events.map((event) => JSON.stringify(event)), '[DONE]'].map((data) => `data: ${data}\n\n`).join(''),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const local = await startLocal({ port: 0, host: '127.0.0.1', upstream, format: 'qwen3' });
  await local.close();
}

const chunk = (fields: object) => ({ choices: [{ index: 0, text: '', finish_reason: 'length', ...fields }] });

describe('npm start --upstream', () => {
  it.each([
    ['returns text without ids', [chunk({ text: 'Hi' })], 200],
    ['returns neither text nor ids', [chunk({})], 200],
    ['takes no ids as a prompt', [{ error: { message: 'prompt must be a string' } }], 400],
    ['has no such route', [{ detail: 'Not Found' }], 404],
    ['answers with something else', [{ choices: 'none' }], 200],
  ])('A server that %s is found at the start', async (_, events, status) => {
    await expect(startInFrontOf(events, status)).rejects.toThrow(/The upstream \S+ cannot be used: /);
  });

  it.each([
    ['returns ids', [chunk({ text: 'Hi', token_ids: [13_048] })], 200],
    ['is still starting', [{}], 503],
    ['is busy', [{}], 429],
  ])('A server that %s is accepted', async (_, events, status) => {
    await startInFrontOf(events, status);
  });
});
