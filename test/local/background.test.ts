import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../local/engine/engine.ts';
import { type LocalOptions, type LocalServer, startLocal } from '../../local/start-local.ts';

let folder: string;
let server: LocalServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'background-'));
});
afterEach(async () => {
  await server?.close().catch(() => undefined);
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(tokenDelayMs = 0, options: Partial<LocalOptions> = {}) {
  server = await startLocal({ port: 0, host: '127.0.0.1', dataFolder: folder, ...options });
  server.endpoint?.faults.always({ tokenDelayMs });
  return { server, client: new OpenAI({ apiKey: 'none', baseURL: `${server.url}/v1`, maxRetries: 0 }) };
}

const ask = {
  model: 'budgetforce-tiny',
  input: 'Ann has 34 apples. She buys 27 more and gives 12 away. How many has she?',
  temperature: 0,
  background: true,
  store: true,
} as const;

async function ended(client: OpenAI, id: string) {
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (response.status !== 'queued' && response.status !== 'in_progress') return response;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('A response in the background', { timeout: 60_000 }, () => {
  it('is queued, runs, and has the answer of one that is waited for', async () => {
    const { client } = await start();
    const direct = await client.responses.create({ ...ask, background: false, store: false });
    const queued = await client.responses.create(ask);
    expect(queued).toMatchObject({ status: 'queued', background: true, store: true, output: [] });
    const response = await ended(client, queued.id);
    expect(response.status).toBe('completed');
    expect(response.output_text).toBe(direct.output_text);
    expect(response.usage?.output_tokens).toBe(direct.usage?.output_tokens);
  });
});

/** Starts a server in a process of its own. */
async function startProcess(tokenDelayMs: number) {
  const script = fileURLToPath(new URL('background-server.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder, String(tokenDelayMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const client = new OpenAI({ apiKey: 'none', baseURL: `${String(line).trim()}/v1`, maxRetries: 0 });
  const kill = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { client, kill };
}

const longThought = { thinking: { min_tokens: 300, max_tokens: 400 } };

describe('A server that is killed in mid-thought', { timeout: 120_000 }, () => {
  it('goes on with the same text after the next start', async () => {
    const first = await startProcess(20);
    const calm = await first.client.responses.create({ ...ask, ...longThought, background: false, store: false });
    const { id } = await first.client.responses.create({ ...ask, ...longThought });
    let deltas = 0;
    for await (const event of await first.client.responses.retrieve(id, { stream: true })) {
      if (event.type === 'response.reasoning_text.delta' && ++deltas === 2) break;
    }
    await first.kill();
    const second = await startProcess(0);
    try {
      const response = await ended(second.client, id);
      expect(response.status).toBe('completed');
      expect(response.output_text).toBe(calm.output_text);
      expect(response.usage?.output_tokens).toBe(calm.usage?.output_tokens);
      const thought = (output: typeof response.output) => output.find(({ type }) => type === 'reasoning');
      expect(thought(response.output)).toMatchObject({ content: [{ text: textOf(thought(calm.output)) }] });
      expect(response).toMatchObject({
        budget_forcing: { thinking_tokens: calm.usage?.output_tokens_details.reasoning_tokens },
      });
    } finally {
      await second.kill();
    }
  });
});

function textOf(item: OpenAI.Responses.ResponseOutputItem | undefined): string {
  return item?.type === 'reasoning' ? (item.content ?? []).map(({ text }) => text).join('') : '';
}

describe('The openai client', { timeout: 120_000 }, () => {
  it('follows a response, leaves, and goes on with the sequence number after which it left', async () => {
    const { client } = await start(5);
    const { id } = await client.responses.create({ ...ask, ...longThought });
    const seen: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of await client.responses.retrieve(id, { stream: true })) {
      seen.push(event);
      if (event.type === 'response.reasoning_text.delta') break;
    }
    const left = seen.at(-1)?.sequence_number ?? 0;
    for await (const event of await client.responses.retrieve(id, { stream: true, starting_after: left })) {
      seen.push(event);
    }
    expect(seen.map((event) => event.sequence_number)).toEqual(seen.map((_, index) => index));
    expect(seen.slice(0, 3).map(({ type }) => type)).toEqual([
      'response.created',
      'response.queued',
      'response.in_progress',
    ]);
    const last = seen.at(-1);
    if (last?.type !== 'response.completed') throw new Error(`The last event is ${last?.type}.`);
    const text = seen.flatMap((event) => (event.type === 'response.output_text.delta' ? event.delta : [])).join('');
    expect(text).toBe(last.response.output_text ?? textOfAnswer(last.response));
    expect(await client.responses.retrieve(id)).toMatchObject({ id, status: 'completed', usage: last.response.usage });
  });

  it('streams while it creates, and cancels', async () => {
    const engines: Engine[] = [];
    const { client } = await start(10, {
      wrapEngine: (engine) => {
        engines.push(engine);
        return engine;
      },
    });
    let id = '';
    const types: string[] = [];
    for await (const event of await client.responses.create({ ...ask, ...longThought, stream: true })) {
      types.push(event.type);
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.reasoning_text.delta') await client.responses.cancel(id).catch(() => undefined);
    }
    expect(types.at(-1)).toBe('response.cancelled');
    expect(await client.responses.retrieve(id)).toMatchObject({ status: 'cancelled' });
    // The log is looked at each second, and the model stops at its next token.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const stats = engines[0]?.stats();
    expect(stats).toMatchObject({ active: 0 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(engines[0]?.stats()).toEqual(stats);
  });

  it('continues a stored response, lists its input and deletes it', async () => {
    const { client } = await start();
    const first = await client.responses.create({ ...ask, background: false });
    const second = await client.responses.create({ ...ask, input: 'And now?', previous_response_id: first.id });
    expect((await ended(client, second.id)).status).toBe('completed');
    const items = await client.responses.inputItems.list(second.id, { order: 'asc' });
    expect(items.data).toMatchObject([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: ask.input }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: first.output_text }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And now?' }] },
    ]);
    await client.responses.delete(second.id);
    await expect(client.responses.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
  });
});

function textOfAnswer({ output }: OpenAI.Responses.Response): string {
  return output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .flatMap((part) => (part.type === 'output_text' ? part.text : []))
    .join('');
}
