import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { servedApis } from '../../../lambda/app.ts';
import type { AppEnvironment } from '../../../lambda/context.ts';
import { hashKey } from '../../../lambda/keys/hash-key.ts';
import { KeyStore } from '../../../lambda/keys/key-store.ts';
import { Ledger } from '../../../lambda/keys/ledger.ts';
import { openApiDocument } from '../../../lambda/openapi/document.ts';
import { NoCapacityError } from '../../../lambda/upstream/errors.ts';
import { IM_END, IM_START } from '../forcing/tiny-vocabulary.ts';
import { eventsOf, type ScriptedSegment, scriptedApp } from '../scripted-world.ts';
import { embeddedTable } from '../storage/embedded-table.ts';

const document = await openApiDocument(servedApis);
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema({ $id: 'api', ...document });

/** What is wrong with a value for a schema of the document. */
const wrongOf = (reference: string, value: unknown) => {
  const validate = ajv.getSchema(`api${reference}`);
  if (validate === undefined) throw new Error(`The document has no ${reference}.`);
  return validate(value) === true ? null : validate.errors;
};

type Content = Readonly<Record<string, { readonly schema: { readonly $ref?: string; readonly type?: string } }>>;

/** Sends a request, and holds what comes back against what the document says of that route, status and content type. */
async function checked(app: Hono<AppEnvironment>, method: string, url: string, body?: unknown, key?: string) {
  const path = new URL(url, 'http://x').pathname;
  const templates = Object.keys(document.paths).filter((template) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  const template = templates.find((candidate) => candidate === path) ?? templates[0] ?? '';
  const operation = document.paths[template]?.[method.toLowerCase()];
  const response = await app.request(url, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const described = operation?.responses[String(response.status)] ?? operation?.responses['4XX'];
  expect(described, `${method} ${template} says nothing of ${response.status}`).toBeDefined();
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const content = described?.['content'] as Content;
  const reference = content[type]?.schema.$ref;
  if (type === 'text/html') return undefined;
  expect(reference ?? content[type]?.schema.type, `${method} ${template} says nothing of ${type}`).toBeDefined();
  const values = type === 'text/event-stream' ? await eventsOf(response) : [await response.json()];
  for (const value of values) {
    if (typeof value === 'string' || reference === undefined) continue;
    expect(wrongOf(reference, value), JSON.stringify(value)).toBeNull();
  }
  return values;
}

const thinks: ScriptedSegment = { says: '\nTwo.', ends: IM_START };
const answers: ScriptedSegment = { says: '\nFour.', ends: IM_END };
const calls: ScriptedSegment = {
  says: '\n<tool_call>\n{"name": "look", "arguments": {"at": 1}}\n</tool_call>',
  ends: IM_END,
};
const endless: ScriptedSegment = { says: 'y'.repeat(300) };
const fails: ScriptedSegment = { says: '', fails: new NoCapacityError('The endpoint has no copy.') };
const breaks: readonly ScriptedSegment[] = [{ says: 'x', fails: fails.fails ?? new NoCapacityError('') }, fails, fails];
const messages = [{ role: 'user', content: 'How many?' }];
const parameters = { type: 'object' };

describe('the OpenAPI document', () => {
  it('has each route of the app, and no other', () => {
    const { app } = scriptedApp([]);
    const routes = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(\{[^/]*\})?/g, '{$1}')}`);
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
  });

  it('is served, with the budgets described', async () => {
    const { app } = scriptedApp([]);
    const response = await app.request('/openapi.json');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({
      openapi: '3.1.1',
      components: {
        schemas: {
          ThinkingBudget: { properties: { min_tokens: { type: 'integer', minimum: 0 } }, additionalProperties: false },
        },
      },
    });
  });

  it('has nothing that a linter finds', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'openapi-'));
    try {
      const file = join(folder, 'openapi.json');
      await writeFile(file, JSON.stringify(document));
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['node_modules/@redocly/cli/bin/cli.js', 'lint', file, '--extends', 'recommended-strict', '--format', 'json'],
        { env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
      );
      expect(JSON.parse(stdout)).toMatchObject({ totals: { errors: 0, warnings: 0 }, problems: [] });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('has an example for each body, which its schema takes', () => {
    for (const operations of Object.values(document.paths)) {
      for (const { requestBody } of Object.values(operations)) {
        if (requestBody === undefined) continue;
        const { schema, example } = (
          requestBody['content'] as Record<string, { schema: { $ref: string }; example: unknown }>
        )['application/json'] ?? { schema: { $ref: '' }, example: undefined };
        expect(wrongOf(schema.$ref, example), schema.$ref).toBeNull();
      }
    }
  });
});

describe('what the API really answers is what its document says', () => {
  const path = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' } as const;
  const tools = [{ type: 'function', function: { name: 'look', parameters } }];

  it.each<readonly [string, string, readonly ScriptedSegment[], Readonly<Record<string, unknown>>]>([
    ['chat', path.chat, [thinks, answers], { messages }],
    ['a cut and forced chat', path.chat, [endless, endless], { messages, thinking: { min_tokens: 5, max_tokens: 9 } }],
    ['chat with Waits', path.chat, [thinks, thinks, answers], { messages, thinking: { waits: 1 } }],
    ['chat without thinking', path.chat, [answers], { messages, reasoning_effort: 'none' }],
    ['chat of two samples', path.chat, [thinks, thinks, answers, answers], { messages, n: 2 }],
    ['a vote', path.chat, [thinks, thinks, answers, answers], { messages, n: 2, vote: true }],
    ['a call', path.chat, [thinks, calls], { messages, tools }],
    ['a wrong chat', path.chat, [], { messages, thinking: { min_tokens: 9, max_tokens: 1 } }],
    ['a chat with an unknown model', path.chat, [], { model: 'nope', messages }],
    ['chat without a copy', path.chat, [fails, fails, fails], { messages }],
    ['a chat that breaks', path.chat, breaks, { messages }],
    ['responses', path.responses, [thinks, answers], { input: 'x' }],
    ['a response that is cut', path.responses, [thinks, endless], { input: 'x', max_output_tokens: 30 }],
    [
      'a response with a call',
      path.responses,
      [thinks, calls],
      { input: 'x', tools: [{ type: 'function', name: 'look', parameters }] },
    ],
    ['a wrong response', path.responses, [], { input: 'x', previous_response_id: 'resp_1' }],
    ['messages', path.messages, [thinks, answers], { messages, max_tokens: 200 }],
    [
      'a message with a call',
      path.messages,
      [thinks, calls],
      { messages, max_tokens: 200, tools: [{ name: 'look', input_schema: parameters }] },
    ],
    ['a message that stops', path.messages, [thinks, answers], { messages, max_tokens: 200, stop_sequences: ['ur'] }],
    ['a wrong message', path.messages, [], { messages }],
    ['counted tokens', '/v1/messages/count_tokens', [], { messages }],
  ])('%s', async (_name, url, script, fields) => {
    const body = { model: 'scripted', ...fields };
    await checked(scriptedApp(script).app, 'POST', url, body);
    if (!url.endsWith('count_tokens')) await checked(scriptedApp(script).app, 'POST', url, { ...body, stream: true });
  });

  it('models, pages and health', async () => {
    const { app } = scriptedApp([]);
    for (const url of ['/v1/models', '/v1/models/scripted', '/v1/models/nope', '/healthz', '/openapi.json', '/']) {
      await checked(app, 'GET', url);
    }
  });

  it('keys and usage', async () => {
    const { table, close } = await embeddedTable();
    const unixTime = () => 1_700_000_000;
    const keys = new KeyStore(table, unixTime);
    const { app } = scriptedApp([thinks, answers], {
      keys,
      ledger: new Ledger(table, unixTime),
      keyHashes: async () => [hashKey('admin')],
    });
    await checked(app, 'GET', '/v1/models');
    const made = await checked(app, 'POST', '/v1/admin/keys', { name: 'a', limits: { tokens_per_day: 900 } }, 'admin');
    const { id, key } = z.looseObject({ id: z.string(), key: z.string() }).parse(made?.[0]);
    await checked(app, 'GET', '/v1/admin/keys', undefined, 'admin');
    await checked(app, 'GET', '/v1/admin/keys', undefined, key);
    await checked(app, 'POST', '/v1/chat/completions', { model: 'scripted', messages }, key);
    await checked(
      app,
      'POST',
      '/v1/chat/completions',
      { model: 'scripted', messages, thinking: { max_tokens: 900 } },
      key,
    );
    await checked(app, 'GET', '/v1/usage?group_by=model,day', undefined, key);
    await checked(app, 'GET', '/v1/usage?from=soon', undefined, key);
    await checked(app, 'PATCH', `/v1/admin/keys/${id}`, { limits: { requests_per_minute: 1 } }, 'admin');
    await checked(app, 'POST', `/v1/admin/keys/${id}/rotate`, {}, 'admin');
    await checked(app, 'DELETE', `/v1/admin/keys/${id}`, undefined, 'admin');
    await checked(app, 'DELETE', '/v1/admin/keys/nope', undefined, 'admin');
    await close();
  });
});
