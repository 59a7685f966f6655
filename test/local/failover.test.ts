import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import * as z from 'zod';
import { chainedEngine } from '../../bench/chained-engine.ts';
import { faultScriptSchema } from '../../local/endpoint/faults.ts';
import { type LocalEndpoint, startLocalEndpoint } from '../../local/endpoint/local-endpoint.ts';
import { loadLlamaEngine } from '../../local/engine/llama-engine.ts';
import { type LocalServer, startLocal } from '../../local/start-local.ts';

const modelPath = new URL('../../local/model/budgetforce-tiny.gguf', import.meta.url).pathname;

const completionSchema = z.object({
  model: z.string(),
  choices: z.array(z.object({ message: z.object({ reasoning_content: z.string(), content: z.string() }) })).min(1),
  usage: z.object({ completion_tokens: z.int() }),
  budget_forcing: z.object({
    thinking_tokens: z.int(),
    answer_tokens: z.int(),
    minimum_missed: z.null(),
    calls: z.array(z.object({ tokens: z.int(), failure: z.string().nullable(), upstream: z.string() })),
    failover: z
      .object({ upstream: z.string(), moves: z.array(z.object({ to: z.string(), continued_from: z.string() })) })
      .optional(),
  }),
});

const faults = (script: z.input<typeof faultScriptSchema>) => faultScriptSchema.parse(script);

/** The API in front of an endpoint, by the real SDK client, with a second server as its fallback. */
async function start(first: readonly string[] = []): Promise<{
  readonly server: LocalServer;
  readonly spare: LocalEndpoint;
  readonly host: string;
}> {
  const engine = await loadLlamaEngine({ modelPath, parallel: 1 });
  const spare = await startLocalEndpoint({
    engine: chainedEngine(engine),
    endpointName: 'spare',
    servedModelName: 'budgetforce-tiny',
  });
  onTestFinished(async () => await spare.close());
  const server = await startLocal({
    port: 0,
    host: '127.0.0.1',
    parallel: 1,
    upstreamIdleMs: 300,
    wrapEngine: chainedEngine,
    fallbacks: [...first, `${spare.url}/v1`].map((baseUrl) => ({ baseUrl })),
  });
  onTestFinished(async () => await server.close());
  return { server, spare, host: new URL(spare.url).host };
}

async function ask({ url, model }: LocalServer, thinking: object = { min_tokens: 24, max_tokens: 40 }) {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: model.id,
      messages: [{ role: 'user', content: 'What is 12 + 30?' }],
      temperature: 0,
      thinking,
    }),
  });
  const json: unknown = await response.json();
  expect(response.status, JSON.stringify(json)).toBe(200);
  expect(response.headers.get('x-model-fallbacks')).not.toBeNull();
  const { choices, budget_forcing: report, usage } = completionSchema.parse(json);
  return { text: choices[0]?.message, report, usage };
}

describe('npm start --fallback', () => {
  it.each(['socket', 'cut', 'StreamBroken', 'InternalStreamFailure', 'corrupt', 'stall'] as const)(
    'a copy that dies in mid-thought (%s): the thought goes on at the fallback, as if nothing had happened',
    { timeout: 60_000 },
    async (breakBy) => {
      const { server, host } = await start();
      const undisturbed = await ask(server);
      expect(undisturbed.report.failover).toBeUndefined();
      server.endpoint?.faults.play(
        faults({ next: [{ breakAfterChunks: 7, breakBy }], always: { error: 'modelNotReady' } }),
      );
      const { text, report, usage } = await ask(server);
      expect(text).toEqual(undisturbed.text);
      expect(usage).toEqual(undisturbed.usage);
      expect(report.failover).toMatchObject({ upstream: host, moves: [{ to: host, continued_from: 'ids' }] });
      const own = 'budgetforce-tiny';
      expect(report.calls.slice(0, 3).map(({ upstream }) => upstream)).toEqual([own, own, host]);
    },
  );

  it.each([
    'noCapacity',
    'modelNotReady',
    'serviceUnavailable',
    'internalFailure',
    'throttling',
    'accessDenied',
  ] as const)('an endpoint that answers %s: the fallback writes the whole text', { timeout: 60_000 }, async (error) => {
    const { server, host } = await start();
    const undisturbed = await ask(server);
    server.endpoint?.faults.play(faults({ always: { error } }));
    const { text, report } = await ask(server);
    expect(text).toEqual(undisturbed.text);
    expect(report.calls.map(({ upstream }) => upstream)).toEqual([
      'budgetforce-tiny',
      ...report.calls.slice(1).map(() => host),
    ]);
  });

  it('prompts go to no host that the settings do not name, even if a fallback redirects', {
    timeout: 60_000,
  }, async () => {
    const elsewhere = await serve((_, response) => response.writeHead(500).end());
    const redirecting = await serve((request, response) => {
      if (request.url === '/v1/models') return response.end(JSON.stringify({ data: [{ id: 'm' }] }));
      return response.writeHead(307, { location: `${elsewhere}/v1/completions` }).end();
    });
    const ports = new Set<string>();
    const connect = Socket.prototype.connect;
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...given: unknown[]) {
      ports.add(addressOf(given));
      return Reflect.apply(connect, this, given);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    // Connections are kept alive, so the start is watched as well.
    const { server, spare } = await start([`${redirecting}/v1`]);
    server.endpoint?.faults.play(faults({ next: [{ breakAfterChunks: 4 }], always: { error: 'throttling' } }));
    const { report } = await ask(server, { max_tokens: 30 });
    expect(report.failover?.upstream).toBe(new URL(spare.url).host);
    expect(report.calls.map(({ failure }) => failure)).toContain('model_misconfigured');
    expect(ports).toContain(new URL(redirecting).host);
    const named = [server.url, server.endpoint?.url ?? '', spare.url, redirecting].map((url) => new URL(url).host);
    expect([...ports].filter((address) => !named.includes(address))).toEqual([]);
    expect(ports.size).toBeGreaterThan(0);
  });

  it('a fallback that cannot be reached, or whose window is smaller, is refused at the start', {
    timeout: 60_000,
  }, async () => {
    const local = { port: 0, host: '127.0.0.1' } as const;
    await expect(startLocal({ ...local, fallbacks: [{ baseUrl: 'http://127.0.0.1:9/v1' }] })).rejects.toThrow(
      'The fallback http://127.0.0.1:9/v1 cannot be reached',
    );
  });
});

/** Starts a server, and returns its URL. */
async function serve(handler: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<string> {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${z.object({ port: z.int() }).parse(server.address()).port}`;
}

/** `host:port` of the arguments of `Socket.connect`. */
function addressOf(given: readonly unknown[]): string {
  const [first] = Array.isArray(given[0]) ? given[0] : given;
  const { host, port } = z.object({ host: z.string().nullish(), port: z.coerce.number() }).parse(first);
  return `${host ?? 'localhost'}:${port}`;
}
