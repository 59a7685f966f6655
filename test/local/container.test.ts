import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';
import { type LocalOptions, type LocalServer, startLocal } from '../../local/start-local.ts';
import { completionOf } from '../lambda/apis/chat/completion-schema.ts';

/** The embedded engine with SageMaker's routes for containers, as vLLM has them. */
let container: LocalEndpoint;
beforeAll(async () => {
  const engine = await loadLlamaEngine({ modelPath: 'local/model/budgetforce-tiny.gguf', parallel: 2 });
  container = await startLocalEndpoint({ engine, endpointName: 'unused', servedModelName: 'tiny' });
});
afterAll(() => container.close());

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(options: Partial<LocalOptions>): Promise<LocalServer> {
  const server = await startLocal({ port: 0, host: '127.0.0.1', format: 's1', ...options });
  closing.push(() => server.close());
  return server;
}

async function serverThat(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

describe('npm start -- --container', () => {
  it('a budget is exact through SDK, event stream and /invocations, with the tokenizer of the container', async () => {
    const { url, model } = await start({ container: `${container.url}/` });
    expect(model).toMatchObject({ id: 'tiny', contextTokens: 2_048, tokenizer: { kind: 'endpoint' } });
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'What is 34 + 27?' }],
        thinking: { min_tokens: 90, max_tokens: 90, waits: 2 },
        seed: 1,
      }),
    });
    const { budget_forcing: report } = await completionOf(response);
    expect(report).toMatchObject({ thinking_tokens: 90, minimum_missed: null });
    expect(report.calls.length).toBeGreaterThan(1);
  });

  it('the window and the tokenizer can be given for a container that reports neither', async () => {
    const bare = await serverThat(async (request, response) => {
      if (request.url === '/v1/models') return void response.writeHead(404).end();
      const answer = await fetch(`${container.url}${request.url}`, {
        method: request.method ?? 'GET',
        ...(request.method === 'POST' ? { body: await buffer(request) } : {}),
      });
      response.writeHead(answer.status).end(await answer.text());
    });
    const { model } = await start({
      container: bare,
      tokenizerPath: 'local/model/tokenizer.json',
      contextTokens: 1_024,
    });
    expect(model).toMatchObject({ id: 'container', contextTokens: 1_024 });
    // Attributes are not passed on here, so `route=/tokenize` is ignored.
    await expect(start({ container: bare })).rejects.toThrow(/does not tokenize.*Give the model's tokenizer\.json/);
  });

  it('a container that is not there is named, with the command that starts one', async () => {
    const gone = await serverThat(() => {});
    await closing.pop()?.();
    await expect(start({ container: gone })).rejects.toThrow(
      `The container ${gone} cannot be reached (ECONNREFUSED). Start it first: npx budgetforce serve-command CONFIG.json prints the command.`,
    );
  });

  it('a server without /ping is refused, with --upstream as the alternative', async () => {
    const url = await serverThat((_request, response) => void response.writeHead(404).end());
    await expect(start({ container: url })).rejects.toThrow(
      `GET ${url}/ping returned status 404, so it is not a SageMaker container that is ready. Wait until the model is loaded, or give a server with OpenAI's routes with --upstream ${url}/v1.`,
    );
  });

  it.each([
    [
      'without token ids',
      200,
      'data: {"choices":[{"text":"a","finish_reason":"length"}]}\n\ndata: [DONE]\n\n',
      /sent text without token ids/,
    ],
    ['with status 422', 422, '{"detail":"messages is missing"}', /status 422\): messages is missing/],
    ['with no ids at all', 200, 'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n', /no token ids/],
  ])('a container that answers a prompt of ids %s is refused by its address', async (_what, status, body, why) => {
    const url = await serverThat((request, response) => {
      response
        .writeHead(request.url === '/invocations' ? status : 200)
        .end(request.url === '/invocations' ? body : '{}');
    });
    const failure = await start({ container: url }).catch((error: unknown) => String(error));
    expect(failure).toMatch(why);
    expect(failure).toContain(`The container ${url} cannot serve budgets.`);
    expect(failure).toContain(`give --upstream ${url}/v1 instead of --container`);
  });

  it('a model that the container does not have is refused with those that it has', async () => {
    await expect(start({ container: container.url, upstreamModel: 'large' })).rejects.toThrow(
      `The container ${container.url} has no model large. Choose one of: tiny.`,
    );
  });

  it('a LoRA adapter is called by the header that SageMaker writes for its component', async () => {
    const headers: unknown[] = [];
    const url = await serverThat(async (request, response) => {
      if (request.url === '/invocations') headers.push(request.headers['x-amzn-sagemaker-adapter-identifier']);
      if (request.url === '/v1/models') {
        const data = [
          { id: 'tiny', max_model_len: 2_048 },
          { id: 'adapter', parent: 'tiny', max_model_len: null },
        ];
        return void response.writeHead(200).end(JSON.stringify({ data }));
      }
      const answer = await fetch(`${container.url}${request.url}`, {
        method: request.method ?? 'GET',
        ...(request.method === 'POST' ? { body: await buffer(request) } : {}),
      });
      response.writeHead(answer.status).end(await answer.text());
    });
    const server = await start({
      container: url,
      upstreamModel: 'adapter',
      tokenizerPath: 'local/model/tokenizer.json',
    });
    expect(server.model.contextTokens).toBe(2_048);
    headers.length = 0;
    await fetch(`${server.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'adapter',
        messages: [{ role: 'user', content: '1+1' }],
        thinking: { max_tokens: 5 },
      }),
    });
    expect(new Set(headers)).toEqual(new Set(['adapter']));
  });
});
