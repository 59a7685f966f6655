import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { defineApi } from '../../../lambda/apis/api.ts';
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

/** The errors of a value against a schema of the document, or null. */
const wrongOf = (reference: string, value: unknown) => {
  const validate = ajv.getSchema(`api${reference}`);
  if (validate === undefined) throw new Error(`The document has no ${reference}.`);
  return validate(value) === true ? null : validate.errors;
};

type Content = Readonly<Record<string, { readonly schema: { readonly $ref?: string; readonly type?: string } }>>;

/** Sends a request, and validates its response against the document's schema for the route, status and content type. */
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
  expect(described, `The document describes no ${response.status} of ${method} ${template}.`).toBeDefined();
  const type = (response.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const content = described?.['content'] as Content;
  const reference = content[type]?.schema.$ref;
  if (type === 'text/html') return undefined;
  expect(
    reference ?? content[type]?.schema.type,
    `The document describes no ${type} of ${method} ${template}.`,
  ).toBeDefined();
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
  it('the document has each route of the app, and no other', () => {
    const { app } = scriptedApp([]);
    const routes = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(\{[^/]*\})?/g, '{$1}')}`);
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual([...new Set(routes)].toSorted());
  });

  it('the document is served, and describes the budgets', async () => {
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

  it('the document cannot be built if two APIs use one name for different schemas', async () => {
    const clashing = defineApi({
      routes: {},
      describe: async () => ({ operations: {}, responseSchemas: { Error: z.string() } }),
    });
    await expect(openApiDocument([...servedApis, clashing])).rejects.toThrow('Two schemas have the name Error.');
  });

  it('the document has no findings of a linter', async () => {
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

  it('each body has an example that its schema accepts', () => {
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

describe('real responses match the document', () => {
  const path = { chat: '/v1/chat/completions', responses: '/v1/responses', messages: '/v1/messages' } as const;
  const tools = [{ type: 'function', function: { name: 'look', parameters } }];

  it.each<readonly [string, string, readonly ScriptedSegment[], Readonly<Record<string, unknown>>]>([
    ['a chat', path.chat, [thinks, answers], { messages }],
    ['a cut and forced chat', path.chat, [endless, endless], { messages, thinking: { min_tokens: 5, max_tokens: 9 } }],
    ['a chat with Waits', path.chat, [thinks, thinks, answers], { messages, thinking: { waits: 1 } }],
    ['a chat without thinking', path.chat, [answers], { messages, reasoning_effort: 'none' }],
    ['a chat of two samples', path.chat, [thinks, thinks, answers, answers], { messages, n: 2 }],
    ['a chat with a vote', path.chat, [thinks, thinks, answers, answers], { messages, n: 2, vote: true }],
    ['a chat with a tool call', path.chat, [thinks, calls], { messages, tools }],
    ['an invalid chat', path.chat, [], { messages, thinking: { min_tokens: 9, max_tokens: 1 } }],
    ['a chat with an unknown model', path.chat, [], { model: 'nope', messages }],
    ['a chat without a copy', path.chat, [fails, fails, fails], { messages }],
    ['a chat that breaks', path.chat, breaks, { messages }],
    ['a Responses request', path.responses, [thinks, answers], { input: 'x' }],
    ['a Responses request that is cut', path.responses, [thinks, endless], { input: 'x', max_output_tokens: 30 }],
    [
      'a Responses request with a tool call',
      path.responses,
      [thinks, calls],
      { input: 'x', tools: [{ type: 'function', name: 'look', parameters }] },
    ],
    ['an invalid Responses request', path.responses, [], { input: 'x', previous_response_id: 'resp_1' }],
    ['a Messages request', path.messages, [thinks, answers], { messages, max_tokens: 200 }],
    [
      'a Messages request with a tool call',
      path.messages,
      [thinks, calls],
      { messages, max_tokens: 200, tools: [{ name: 'look', input_schema: parameters }] },
    ],
    [
      'a Messages request with a stop sequence',
      path.messages,
      [thinks, answers],
      { messages, max_tokens: 200, stop_sequences: ['ur'] },
    ],
    ['an invalid Messages request', path.messages, [], { messages }],
    ['a request to count tokens', '/v1/messages/count_tokens', [], { messages }],
  ])('the response to %s matches the document', async (_name, url, script, fields) => {
    const body = { model: 'scripted', ...fields };
    await checked(scriptedApp(script).app, 'POST', url, body);
    if (!url.endsWith('count_tokens')) await checked(scriptedApp(script).app, 'POST', url, { ...body, stream: true });
  });

  it('responses of models, pages and health match the document', async () => {
    const { app } = scriptedApp([]);
    for (const url of ['/v1/models', '/v1/models/scripted', '/v1/models/nope', '/healthz', '/openapi.json', '/']) {
      await checked(app, 'GET', url);
    }
  });

  it('responses of keys and usage match the document', async () => {
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
